// Mouse, pen and wheel on the views.

const STILL = 4; // pixels; a press that moves less is a click
const NOTCH = 60; // a wheel's turn of at least this much is one slice; a touch pad's smaller ones add up
const PAD = 40;

export class Gestures {
    #press = null;
    #turned = 0;

    constructor(board, element, tell) {
        Object.assign(this, { board, element, tell });
        const on = (name, handler) => element.addEventListener(name, handler.bind(this), { passive: false });
        on("pointerdown", this.down);
        on("pointermove", this.move);
        on("pointerup", this.up);
        on("pointercancel", this.cancel);
        on("pointerleave", this.leave);
        on("wheel", this.wheel);
        on("dblclick", this.twice);
        for (const name of ["contextmenu", "dragover", "drop", "auxclick"]) on(name, (event) => event.preventDefault());
    }

    #pixel(view, event) {
        const { left, top } = view.element.getBoundingClientRect();
        return [(event.clientX - left) * view.ratio, (event.clientY - top) * view.ratio];
    }

    // The tool, where it works: the drawing tools on the maps they belong to, the eraser wherever regions are.
    #tool(view) {
        const { tool } = this.board;
        if (!tool) return null;
        const works = tool.name === "erase" || tool.maps.includes(this.board.pictureOf(view)?.name);
        return works && this.board.look(view)?.plane ? tool : null;
    }

    down(event) {
        const view = this.board.viewOf(event);
        if (!view || event.target.closest("button")) return;
        event.preventDefault(); // no text is marked, no page scrolled by the middle button
        this.element.closest(".seat").focus({ preventScroll: true });
        this.board.attend(view);
        const pixel = this.#pixel(view, event);
        this.#press = {
            view,
            button: event.button,
            from: pixel,
            last: pixel,
            moved: false,
            tool: event.button ? null : this.#tool(view),
        };
        this.element.setPointerCapture(event.pointerId);
        if (!this.#press.tool) return;
        this.#press.line = [];
        this.board.stroke = () => this.cancel();
        if (this.#press.tool.name !== "disc") this.#extend(pixel);
    }

    move(event) {
        this.tell("activity");
        if (!this.#press) return this.#hover(event);
        const { view, from, last, button, tool } = this.#press;
        const pixel = this.#pixel(view, event);
        const [dx, dy] = [pixel[0] - last[0], pixel[1] - last[1]];
        if (Math.hypot(pixel[0] - from[0], pixel[1] - from[1]) > STILL * view.ratio) this.#press.moved = true;
        if (!this.#press.moved && !tool) return;
        this.#press.last = pixel;
        if (button === 2) this.board.move("zoomAt", view, from, Math.exp(-dy / view.ratio / 200));
        else if (button === 1) this.board.move("pan", view, [dx, dy]);
        else if (tool?.name === "disc") this.#preview(view, pixel, tool);
        else if (tool)
            for (const each of [...(event.getCoalescedEvents?.() ?? []), event]) this.#extend(this.#pixel(view, each));
        else if (this.board.pictureOf(view)?.kind === "map") this.board.move("jump", view, pixel);
        else this.board.window(view, [dx / view.ratio / 400, -dy / view.ratio / 400]);
        this.board.pointAt(view, pixel);
    }

    up(event) {
        const press = this.#press;
        if (!press || event.button !== press.button) return;
        this.#press = this.board.stroke = null;
        this.tell("activity");
        const { view, moved, tool } = press;
        const pixel = this.#pixel(view, event);
        if (press.button) return;
        if (!tool) {
            if (!moved) this.board.move("jump", view, pixel);
        } else if (tool.name === "disc") this.#disc(view, pixel);
        else if (tool.name === "outline") this.#outline(view, press.line);
        else this.#erase(view, press, pixel);
    }

    cancel() {
        this.#press = this.board.stroke = null;
        this.board.drafted(null);
    }

    leave() {
        this.board.pointAt(null);
        if (this.board.draft?.disc) this.board.drafted(null);
    }

    #hover(event) {
        const view = this.board.viewOf(event);
        if (!view) return;
        if (view !== this.board.active) this.board.attend(view);
        const pixel = this.#pixel(view, event);
        this.board.pointAt(view, pixel);
        const tool = this.#tool(view);
        view.element.dataset.tool = tool?.name ?? "";
        if (tool?.name === "disc") this.#preview(view, pixel, tool);
        else if (this.board.draft?.disc) this.board.drafted(null);
    }

    #preview(view, pixel, tool) {
        const centre = this.board.look(view).toPoint(pixel);
        this.board.drafted({
            view,
            colour: tool.colour,
            disc: { centre, radius: Math.sqrt((100 * tool.area) / Math.PI) },
        });
    }

    #extend(pixel) {
        const { view, tool, line } = this.#press;
        const look = this.board.look(view);
        const last = line.length ? look.toPixel(line.at(-1)) : [-9, -9];
        if (Math.hypot(pixel[0] - last[0], pixel[1] - last[1]) < 1) return;
        line.push(look.toPoint(pixel));
        this.board.drafted({ view, colour: tool.colour, line });
    }

    #disc(view, pixel) {
        const look = this.board.look(view);
        if (look.plane.holds(look.k)) this.tell("disc", this.board.pictureOf(view).name, look.toPoint(pixel));
    }

    #outline(view, line) {
        const look = this.board.look(view);
        if (look.plane.holds(look.k)) this.tell("outline", this.board.pictureOf(view).name, line);
    }

    // A click takes the region under it; a line cuts from the region in which it began or which it touches first.
    #erase(view, press, pixel) {
        const { line } = press;
        const look = this.board.look(view);
        const touched = [press.from, ...line.map(look.toPixel), pixel]
            .map((at) => this.board.regionAt(view, at))
            .find(Boolean);
        if (!press.moved || !touched) this.board.drafted(null);
        if (touched && press.moved) this.tell("cut", touched.id, line);
        else if (touched) this.tell("erase", touched.id);
    }

    wheel(event) {
        const view = this.board.viewOf(event);
        if (!view) return;
        event.preventDefault();
        if (this.board.stroke) return;
        this.tell("activity");
        this.board.attend(view);
        if (event.ctrlKey)
            return this.board.move("zoomAt", view, this.#pixel(view, event), Math.exp(-event.deltaY / 400));
        const turn = event.deltaMode ? event.deltaY * 100 : event.deltaY;
        this.#turned = Math.abs(turn) >= NOTCH ? 0 : this.#turned + turn;
        const steps = Math.abs(turn) >= NOTCH ? Math.sign(turn) : Math.trunc(this.#turned / PAD);
        this.#turned -= Math.abs(turn) >= NOTCH ? 0 : steps * PAD;
        if (steps) this.board.scroll(view, -steps);
        if (steps) this.board.pointAt(view, this.#pixel(view, event));
    }

    twice(event) {
        const view = this.board.viewOf(event);
        if (view && !event.target.closest("button") && !this.#tool(view))
            this.board.enlarge(this.board.large ? null : view);
    }
}
