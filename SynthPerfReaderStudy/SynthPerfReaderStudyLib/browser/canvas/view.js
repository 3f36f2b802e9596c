// One view: a place in the layout with its labels, marks, colour bar, regions and messages above NiiVue's picture.
import { fillBar } from "./bar.js";
import { written } from "./regions.js";

const MARKUP = `
  <svg class="seat-ink" preserveAspectRatio="none" aria-hidden="true"></svg>
  <div class="seat-label"></div>
  <button class="seat-large" type="button" title="Enlarge this view, or back (double-click)" aria-label="Enlarge this view, or back"><svg viewBox="0 0 16 16"><path d="M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4"/></svg></button>
  <div class="seat-mark" data-side="left"></div><div class="seat-mark" data-side="right"></div>
  <div class="seat-mark" data-side="top"></div><div class="seat-mark" data-side="bottom"></div>
  <div class="seat-place"></div>
  <div class="seat-bar" hidden></div>
  <div class="seat-dot" hidden></div>
  <div class="seat-message" role="status" hidden></div>`;

export class View {
    constructor(name, row, column) {
        this.name = name; // of the picture that belongs here
        this.flickered = false;
        this.element = document.createElement("div");
        this.element.className = "seat-view";
        this.element.innerHTML = MARKUP;
        this.element.setAttribute("role", "group");
        this.element.dataset.name = name;
        this.element.style.gridArea = `${row + 1} / ${column + 1}`;
        const part = (selector) => this.element.querySelector(selector);
        this.ink = part(".seat-ink");
        [this.label, this.place, this.bar] = [part(".seat-label"), part(".seat-place"), part(".seat-bar")];
        [this.dot, this.message, this.large] = [part(".seat-dot"), part(".seat-message"), part(".seat-large")];
        this.marks = [...this.element.querySelectorAll(".seat-mark")];
    }

    // Where it lies on the stage: left, top, width, height in pixels of the screen.
    measure(stage, ratio) {
        const [own, all] = [this.element.getBoundingClientRect(), stage.getBoundingClientRect()];
        const [left, top] = [own.left - all.left, own.top - all.top].map((x) => Math.round(x * ratio));
        this.rectangle = [left, top, Math.round(own.width * ratio), Math.round(own.height * ratio)];
        this.ratio = ratio;
        this.ink.setAttribute("viewBox", `0 0 ${this.rectangle[2]} ${this.rectangle[3]}`);
        this.ink.style.fontSize = `${ratio}em`;
    }

    title(words) {
        if (this.label.textContent === words) return;
        this.label.textContent = words;
        this.element.setAttribute("aria-label", words);
    }

    // The colour bar of a picture, or none.
    colours(picture, table) {
        this.bar.hidden = !picture;
        const key = picture && JSON.stringify([picture.range, picture.unit, picture.colours]);
        if (picture && this.barOf !== key) fillBar(this.bar, picture, table);
        this.barOf = picture ? key : this.barOf;
    }

    // Plane and slice that are shown (none: nothing is), and words about the window.
    slice(plane, k, window) {
        const shown = plane && plane.holds(k);
        for (const mark of this.marks) mark.textContent = plane ? plane.marks[mark.dataset.side] : "";
        const where = shown ? `${plane.position(k)}   ${plane.number(k)} / ${plane.count}` : "";
        this.place.textContent = window ? `${where}\n${window}` : where;
    }

    say(words, retry) {
        if (words === this.said) return; // a button under the pointer stays the same button
        this.said = words;
        this.message.hidden = !words;
        this.message.replaceChildren(`${words} `);
        if (!retry) return;
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = "Try again";
        button.addEventListener("click", retry);
        this.message.append(button);
    }

    // Draw regions, the cross at the point and what is being drawn: {line: points, disc: centre and radius in mm}, in its
    // colour. `look` is {plane, k, scale, toPixel}; without it nothing is drawn.
    sketch(look, { regions, point, cross, draft }) {
        const marks = [];
        if (look) {
            for (const region of regions) {
                const { d, corner } = region.outline(look.plane, look.k, point, look.toPixel);
                if (d) marks.push(line(d, region.colour, region.id), text(region.label, corner, region.colour));
            }
            if (cross) marks.push(line(crossAt(look.toPixel(point), this.ratio), "#7fd4ff"));
            if (draft?.line?.length)
                marks.push(line(`M${draft.line.map((p) => written(look.toPixel(p))).join("L")}`, draft.colour));
            if (draft?.disc)
                marks.push(line(circle(look.toPixel(draft.disc.centre), draft.disc.radius * look.scale), draft.colour));
        }
        const drawn = marks.join("");
        if (drawn !== this.drawn) this.ink.innerHTML = this.drawn = drawn;
    }

    // The pointer of another view, at the same physical point; none hides it.
    follow(pixel) {
        this.dot.hidden = !pixel;
        if (pixel) this.dot.style.transform = `translate(${pixel[0] / this.ratio}px, ${pixel[1] / this.ratio}px)`;
    }
}

const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const safe = (words) => String(words).replace(/[&<>"]/g, (letter) => ESCAPES[letter]);

function line(d, colour, id = "") {
    return `<path class="seat-halo" d="${d}"/><path d="${d}" stroke="${safe(colour)}" data-region="${safe(id)}"/>`;
}

function text(words, [x, y], colour) {
    return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" dx="0.25em" fill="${safe(colour)}">${safe(words)}</text>`;
}

function crossAt([x, y], ratio) {
    const [near, far] = [6 * ratio, 16 * ratio];
    return [
        [1, 0],
        [-1, 0],
        [0, 1],
        [0, -1],
    ]
        .map(([dx, dy]) => `M${written([x + near * dx, y + near * dy])}L${written([x + far * dx, y + far * dy])}`)
        .join("");
}

function circle([x, y], radius) {
    const half = `${radius.toFixed(2)} ${radius.toFixed(2)} 0 0 1`;
    return `M${written([x - radius, y])}A${half} ${written([x + radius, y])}A${half} ${written([x - radius, y])}`;
}
