// The keyboard. A key never collides with typing: fields keep all of theirs, other controls those they answer to.

const FIELDS =
    'input:not([type="radio"], [type="checkbox"], [type="range"], [type="button"]), textarea, select, [contenteditable]:not([contenteditable="false"])';
const CHOICES =
    'input, [role="radio"], [role="radiogroup"], [role="slider"], [role="spinbutton"], [role="option"], [role="menuitem"], [role="tab"]';
const PRESSED = `${CHOICES}, button, a[href], summary, [role="button"], [role="checkbox"], [role="switch"]`;
const OWN = {
    ArrowUp: CHOICES,
    ArrowDown: CHOICES,
    PageUp: CHOICES,
    PageDown: CHOICES,
    Home: CHOICES,
    End: CHOICES,
    " ": PRESSED,
};
const LEAST = 0.2; // opacities that Shift+O goes through
const STEP = 0.2;

export class Keys {
    constructor(board, tell) {
        Object.assign(this, { board, tell });
        this.pressed = (event) => this.#pressed(event);
        document.addEventListener("keydown", this.pressed);
    }

    close() {
        document.removeEventListener("keydown", this.pressed);
    }

    #pressed(event) {
        const { target } = event;
        if (event.defaultPrevented || event.altKey || event.isComposing || document.querySelector('[role="dialog"]'))
            return;
        if (target.closest?.(FIELDS)) return;
        if (event.key in OWN && target.closest?.(OWN[event.key])) return;
        const act = event.ctrlKey || event.metaKey ? this.#withCtrl(event) : this.#plain(event);
        if (!act) return;
        event.preventDefault();
        this.tell("activity");
        act();
    }

    #withCtrl(event) {
        const key = event.key.toLowerCase();
        if (key === "z") return () => this.tell(event.shiftKey ? "redo" : "undo");
        return key === "y" ? () => this.tell("redo") : null;
    }

    #plain(event) {
        const { board } = this;
        const all = 1e6;
        const once = (act) => (event.repeat ? () => {} : act);
        switch (event.key.length === 1 ? event.key.toLowerCase() : event.key) {
            case "ArrowUp":
                return () => board.scroll(board.active, 1);
            case "ArrowDown":
                return () => board.scroll(board.active, -1);
            case "PageUp":
                return () => board.scroll(board.active, 5);
            case "PageDown":
                return () => board.scroll(board.active, -5);
            case "Home":
                return () => board.scroll(board.active, all);
            case "End":
                return () => board.scroll(board.active, -all);
            case "f":
            case " ":
                return once(() => board.flicker(board.active));
            case "o":
                return once(() => this.#overlay(event.shiftKey));
            case "z":
                return once(() => board.reset());
            case "d":
                return once(() => this.tell("tool", "disc"));
            case "e":
                return once(() => this.tell("tool", "outline"));
            case "x":
                return once(() => this.tell("tool", "erase"));
            case "Escape":
                return once(() => (board.stroke ? board.stroke() : this.tell("tool", null)));
            default:
                return null;
        }
    }

    #overlay(opacity) {
        const { on, opacity: now } = this.board.overlay;
        if (!opacity) return this.board.setOverlay(!on);
        return this.board.setOverlay(true, !on ? now : now > 1 - STEP / 2 ? LEAST : Math.min(1, now + STEP));
    }
}
