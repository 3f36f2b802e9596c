// The pictures of the case on the screen, made ready for drawing as they come; those of the next case come ahead.
import { Plane } from "./geometry.js";
import { Sheet } from "./renderer.js";
import { Volumes } from "./volumes.js";

export class Pictures {
    #volumes = new Volumes();
    #known = new Map(); // name to {name, label, ..., table, volume, plane, sheet, failed}
    #ahead = [];
    #filled = Promise.resolve();
    #turn = 0;

    // here(picture, grid): a picture can be drawn, the slices of `grid` set the plane of all; gone(picture): it is not
    // shown any more; failed(): one did not come.
    constructor({ here, gone, failed }) {
        Object.assign(this, { here, gone, failed });
    }

    get(name) {
        return this.#known.get(name);
    }

    get all() {
        return [...this.#known.values()];
    }

    // Show these from now on; `again`: the same case, of which some may be there already.
    show(images, tables, again) {
        const before = this.#known;
        this.#turn++;
        this.#known = new Map();
        for (const image of images) {
            const kept = again && before.get(image.name);
            const table = Uint32Array.from(
                tables[image.colours],
                ([r, g, b]) => (255 << 24) | (b << 16) | (g << 8) | r,
            );
            this.#known.set(image.name, kept?.url === image.url ? kept : { ...image, table, failed: false });
        }
        const shown = new Set(this.#known.values());
        for (const picture of before.values()) if (!shown.has(picture) && picture.sheet) this.gone(picture);
        this.#volumes.keep([...shown, ...this.#ahead]);
    }

    // Bring all that are not there; whether all are, or undefined where others are shown by then.
    async fill() {
        const turn = this.#turn;
        const reading = this.#reading();
        const coming = Promise.all(this.all.map((picture) => this.#bring(picture, reading, turn)));
        this.#filled = coming;
        const there = await coming;
        return turn === this.#turn ? there.every(Boolean) : undefined;
    }

    // Bring those of the next case: after what is being read, and one by one.
    async fetchAhead(ahead) {
        this.#ahead = ahead;
        this.#volumes.keep([...this.all, ...ahead]);
        await this.#filled;
        for (const picture of ahead) if (this.#ahead === ahead) await this.#volumes.get(picture).catch(() => null);
    }

    // The grid whose slices set the plane of all: that of the first map that there is, else of the first image.
    async #reading() {
        const maps = this.all.filter((picture) => picture.kind === "map");
        for (const picture of [...maps, ...this.all]) {
            const volume = await this.#volumes.get(picture).catch(() => null);
            if (volume) return volume.grid;
        }
        return null;
    }

    async #bring(picture, reading, turn) {
        try {
            const volume = await this.#volumes.get(picture);
            const grid = await reading;
            const sheet = picture.sheet ?? (await Sheet.of(new Plane(volume.grid, grid.across)));
            if (turn !== this.#turn) return false;
            if (picture.sheet) return true;
            Object.assign(picture, { volume, sheet, plane: sheet.plane, failed: false });
            this.here(picture, grid);
            return true;
        } catch {
            if (turn !== this.#turn) return false;
            picture.failed = true;
            this.failed();
            return false;
        }
    }
}
