// The views of a case: what is shown where. All share one viewpoint; each shows the slice of its own volume that lies
// nearest to the viewpoint's point.
import { Plane } from "./geometry.js";
import { Pictures } from "./pictures.js";
import { Region } from "./regions.js";
import { Renderer } from "./renderer.js";
import { View } from "./view.js";
import { Viewpoint } from "./viewpoint.js";

const NO_GRAPHICS =
    "This browser cannot show the images: its graphics (WebGL 2) are switched off or missing. Use a current Firefox, " +
    "Chrome, Edge or Safari with hardware acceleration on. Nothing that you answered is lost.";
const GRAPHICS_LOST =
    "The graphics of this browser stopped for a moment. The images come back by themselves; nothing is lost.";
const FAILED = "This image could not be loaded. Your answers and regions are safe.";
const OUTSIDE = "This series does not reach this slice.";

export class Board {
    #given = {}; // the last state, part by part, as text
    #renderer = null;
    #frame = 0;

    // stage: the element around the canvas and the element for the views; tell(name, ...values) reports to the page.
    constructor({ stage, canvas, views, curtain }, tell) {
        Object.assign(this, { stage, canvas, curtain, tell, holder: views });
        this.case = null;
        this.pictures = new Pictures({
            here: (picture, grid) => this.#here(picture, grid),
            gone: (picture) => this.#renderer?.dismiss(picture.sheet),
            failed: () => this.draw(),
        });
        this.views = [];
        this.large = null; // the view that fills the stage
        this.active = null; // the one under the pointer, or the last
        this.overlay = { on: false, opacity: 0.4 };
        this.viewpoint = null;
        this.windows = new Map(); // picture's name to the reader's window
        this.regions = [];
        this.tool = null;
        this.draft = null; // what is being drawn, or was sent and is not answered yet: {view, colour, line | disc}
        this.stroke = null; // while a stroke lasts, what cancels it: the slice stands still
        this.timings = { ready: [], switch: [], again: [], scroll: [] }; // ms of the first case, the next ones, ...
        this.observer = new ResizeObserver(() => this.measure());
        this.observer.observe(stage);
        canvas.addEventListener("webglcontextlost", (event) => {
            event.preventDefault();
            this.#renderer = null;
            this.started = new Promise((done) =>
                canvas.addEventListener("webglcontextrestored", done, { once: true }),
            ).then(() => this.#begin());
            this.#veil(GRAPHICS_LOST);
        });
        this.started = this.#begin(); // what is waited for before anything is called shown
    }

    async #begin() {
        try {
            const renderer = await Renderer.on(this.canvas);
            for (const { sheet } of this.pictures.all) if (sheet) renderer.admit(sheet);
            this.#renderer = renderer;
            this.#veil("");
            this.draw();
        } catch {
            this.#veil(NO_GRAPHICS);
        }
    }

    #veil(words) {
        this.curtain.hidden = !words;
        this.curtain.textContent = words;
    }

    close() {
        this.observer.disconnect();
        cancelAnimationFrame(this.#frame);
        this.canvas.getContext("webgl2")?.getExtension("WEBGL_lose_context")?.loseContext();
    }

    // Take the state that the server wants shown: {case, ahead, regions, tool, tables}.
    update(state) {
        const changed = Object.keys(state).filter((part) => {
            const text = JSON.stringify(state[part]);
            const differs = text !== this.#given[part];
            this.#given[part] = text;
            return differs;
        });
        if (!this.stroke) this.draft = null; // what was drawn is answered: by a region, or by words
        if (changed.includes("regions")) this.regions = state.regions.map((region) => new Region(region));
        if (changed.includes("tool")) this.tool = state.tool;
        if (changed.includes("case")) this.#show(state.case, state.tables);
        if (changed.includes("ahead")) this.pictures.fetchAhead(state.ahead);
        this.changed();
    }

    // Images -------------------------------------------------------------------------------------------------------

    #show(wanted, tables) {
        const began = performance.now();
        const again = this.case?.code === wanted?.code;
        this.case = wanted;
        if (!again) {
            this.stroke?.();
            this.viewpoint = null;
            this.windows.clear();
            this.setOverlay(false);
            this.large = null;
        }
        this.pictures.show(wanted?.images ?? [], tables, again);
        this.#arrange(wanted?.layout ?? []);
        if (wanted) this.#fill(began, again ? "again" : this.timings.ready.length ? "switch" : "ready");
    }

    async #fill(began, what) {
        const { code } = this.case;
        const there = await this.pictures.fill();
        await this.started;
        if (there === undefined || this.case?.code !== code) return;
        if (!there || !this.#renderer) return this.tell("failed", code, there ? NO_GRAPHICS : FAILED);
        const taken = performance.now() - began;
        this.timings[what].push(taken);
        this.tell("ready", code, taken);
    }

    #here(picture, grid) {
        this.#renderer?.admit(picture.sheet);
        this.viewpoint ??= new Viewpoint(new Plane(grid, grid.across));
        this.draw();
    }

    retry() {
        for (const picture of this.pictures.all) picture.failed = false;
        this.draw();
        this.#fill(performance.now(), "again");
    }

    // Layout -------------------------------------------------------------------------------------------------------

    #arrange(layout) {
        const shape = JSON.stringify(layout);
        if (shape !== this.shape) {
            this.shape = shape;
            this.large = null;
            this.views = layout.flatMap((row, i) => row.map((name, j) => new View(name, i, j)));
            this.holder.replaceChildren(...this.views.map((view) => view.element));
            const tracks = (n) => `repeat(${Math.max(1, n)}, minmax(0, 1fr))`;
            this.holder.style.gridTemplateColumns = tracks(Math.max(...layout.map((row) => row.length)));
            this.holder.style.gridTemplateRows = tracks(layout.length);
        }
        for (const view of this.views) view.flickered = false;
        this.active = this.views.find((view) => this.pictures.get(view.name)?.kind === "map") ?? this.views[0] ?? null;
        this.map = this.pictures.all.find((picture) => picture.kind === "map") ?? null;
        this.anatomy = this.pictures.all.find((picture) => picture.kind === "image") ?? null;
        this.enlarge(this.large);
    }

    measure() {
        this.ratio = window.devicePixelRatio || 1;
        const { width, height } = this.stage.getBoundingClientRect();
        const size = [width, height].map((x) => Math.max(1, Math.round(x * this.ratio)));
        if (size[0] !== this.canvas.width || size[1] !== this.canvas.height)
            [this.canvas.width, this.canvas.height] = size;
        for (const view of this.shownViews) view.measure(this.stage, this.ratio);
        this.draw();
    }

    get shownViews() {
        return this.large ? [this.large] : this.views;
    }

    // Let one view fill the stage; null: all are shown.
    enlarge(view) {
        this.large = view;
        this.holder.classList.toggle("seat-one", Boolean(view));
        for (const each of this.views) each.element.classList.toggle("seat-away", Boolean(view) && each !== view);
        this.measure();
    }

    // The view under the pointer of an event.
    viewOf({ clientX, clientY }) {
        return this.shownViews.find((view) => {
            const { left, right, top, bottom } = view.element.getBoundingClientRect();
            return clientX >= left && clientX < right && clientY >= top && clientY < bottom;
        });
    }

    attend(view) {
        this.active = view;
        const picture = this.pictures.get(view.name);
        if (picture?.kind === "map") this.map = picture;
        else this.anatomy = picture;
    }

    // The picture that a view shows now.
    pictureOf(view) {
        const own = this.pictures.get(view.name);
        return (view.flickered && (own.kind === "map" ? this.anatomy : this.map)) || own;
    }

    // How a view looks at a picture; none before it is there.
    look(view, picture = this.pictureOf(view)) {
        if (!this.viewpoint || !picture?.sheet || !view.rectangle) return null;
        return this.viewpoint.look(picture.plane, view.rectangle[2], view.rectangle[3]);
    }

    // Drawing ------------------------------------------------------------------------------------------------------

    changed() {
        this.#frame ||= requestAnimationFrame(() => this.draw());
    }

    draw() {
        cancelAnimationFrame(this.#frame);
        this.#frame = 0;
        const began = performance.now();
        if (this.#renderer) {
            this.#renderer.clear();
            for (const view of this.shownViews) this.#drawView(view);
        }
        if (this.scrolling !== undefined) this.timings.scroll.push(this.scrolling + performance.now() - began);
        this.scrolling = undefined;
    }

    #drawView(view) {
        const picture = this.pictureOf(view);
        const look = this.look(view, picture);
        const over = this.overlay.on && picture?.kind === "image" && this.map?.sheet ? this.map : null;
        view.title(
            over
                ? `${picture.label} + ${over.label} ${Math.round(100 * this.overlay.opacity)} %`
                : (picture?.label ?? ""),
        );
        const coloured = picture?.kind === "map" ? picture : over;
        view.colours(coloured, coloured?.table);
        view.slice(look?.plane, look?.k, this.#windowWords(picture));
        if (picture?.failed) view.say(FAILED, () => this.retry());
        else view.say(!look ? "Loading …" : look.plane.holds(look.k) ? "" : OUTSIDE);
        if (look) this.#drawPicture(view, picture, look, 1);
        if (look && over) this.#drawPicture(view, over, this.look(view, over), this.overlay.opacity);
        this.#sketch(view, picture, look);
    }

    #sketch(view, picture, look) {
        view.sketch(look, {
            regions: this.regions.filter((region) => region.images.has(picture.name)),
            point: this.viewpoint?.point,
            cross: this.viewpoint?.cross,
            draft: this.draft?.view === view ? this.draft : null,
        });
    }

    // Show what is being drawn; the images stay as they are.
    drafted(draft) {
        const views = new Set([this.draft?.view, draft?.view]);
        this.draft = draft;
        for (const view of this.shownViews)
            if (views.has(view)) this.#sketch(view, this.pictureOf(view), this.look(view));
    }

    #drawPicture(view, picture, look, opacity) {
        if (!look.plane.holds(look.k)) return;
        const range = this.windows.get(picture.name) ?? picture.range;
        const key = `${look.k} ${range}`;
        if (picture.sheet.painted !== key) {
            picture.volume.paint(look.plane, look.k, picture.table, range, picture.sheet.pixels);
            this.#renderer.upload(picture.sheet);
            picture.sheet.painted = key;
        }
        this.#renderer.draw(picture.sheet, view.rectangle, look.centre, look.scale, opacity);
    }

    #windowWords(picture) {
        const range = this.windows.get(picture?.name);
        if (!range) return "";
        const [width, level] = [range[1] - range[0], (range[0] + range[1]) / 2];
        return `W ${width.toPrecision(3) * 1}  L ${level.toPrecision(3) * 1}`;
    }

    // What the reader does -----------------------------------------------------------------------------------------

    scroll(view, steps) {
        const began = performance.now();
        const look = view && !this.stroke && this.look(view);
        if (!look || !this.viewpoint.scroll(look, steps)) return;
        this.scrolling = (this.scrolling ?? 0) + performance.now() - began;
        this.changed();
    }

    // jump, zoomAt or pan, at what a view shows.
    move(how, view, ...values) {
        const look = this.look(view);
        if (!look) return;
        this.viewpoint[how](look, ...values);
        this.changed();
    }

    // Change the window of anatomy; maps are locked. share: of its first width, to the right and up.
    window(view, [across, up]) {
        const picture = this.pictureOf(view);
        if (picture.kind === "map") return;
        const [first, last] = picture.range;
        const [low, high] = this.windows.get(picture.name) ?? picture.range;
        const width = Math.max((last - first) / 200, high - low + across * (last - first));
        const level = (low + high) / 2 - up * (last - first);
        this.windows.set(picture.name, [level - width / 2, level + width / 2]);
        this.changed();
    }

    reset() {
        this.viewpoint?.reset();
        this.windows.clear();
        this.changed();
    }

    flicker(view) {
        if (!view || this.stroke) return;
        view.flickered = !view.flickered;
        this.changed();
    }

    setOverlay(on, opacity = this.overlay.opacity) {
        this.overlay = { on, opacity };
        this.tell("overlay", this.overlay);
        this.changed();
    }

    // Move the pointer's mark in the other views, and say the value under it where the protocol shows values.
    pointAt(view, pixel) {
        const point = view && pixel && this.look(view)?.toPoint(pixel);
        for (const other of this.shownViews)
            other.follow(point && other !== view ? this.look(other)?.toPixel(point) : null);
        if (!this.case?.values) return;
        const picture = view && this.pictureOf(view);
        const value = point && picture.kind === "map" ? picture.volume.value(point) : undefined;
        this.tell("value", value === undefined ? "" : `${value.toFixed(2)} ${picture.unit}`);
    }

    // The region under a pixel of a view.
    regionAt(view, pixel) {
        const look = this.look(view);
        const name = this.pictureOf(view)?.name;
        const point = look?.toPoint(pixel);
        return (
            look && this.regions.find((region) => region.images.has(name) && region.holds(look.plane, look.k, point))
        );
    }
}
