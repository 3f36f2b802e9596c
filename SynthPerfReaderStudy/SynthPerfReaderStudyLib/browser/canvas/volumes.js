// The volumes of the case on the screen and of the next one: fetched, decoded and kept until neither needs them.
import { NVImage } from "niivue";
import { Grid } from "./geometry.js";

export class Volume {
    constructor(image, brain) {
        this.grid = Grid.ofHeader(image.hdr);
        this.voxels = image.img;
        this.slope = image.hdr.scl_slope || 1;
        this.intercept = image.hdr.scl_slope ? image.hdr.scl_inter : 0;
        this.inside = brain?.voxels;
        if (brain && !brain.grid.same(this.grid)) throw new Error("brain mask on another grid");
    }

    place([i, j, k]) {
        return i + this.grid.size[0] * (j + this.grid.size[1] * k);
    }

    // The value of the voxel nearest to a point; undefined outside the volume or the brain.
    value(point) {
        const index = this.grid.nearest(point);
        if (index.some((x, axis) => x < 0 || x >= this.grid.size[axis])) return undefined;
        const place = this.place(index);
        return this.inside && !this.inside[place] ? undefined : this.voxels[place] * this.slope + this.intercept;
    }

    // The colours of slice k as NiiVue takes a picture: columns from the screen's right to its left, rows from below up.
    // `table` are 256 colours as 32-bit numbers; outside the brain it is transparent.
    paint(plane, k, table, [low, high], pixels) {
        const strides = [1, this.grid.size[0], this.grid.size[0] * this.grid.size[1]];
        const [stepU, stepV] = [-plane.su * strides[plane.u], -plane.sv * strides[plane.v]];
        const startU = plane.su > 0 ? plane.columns - 1 : 0;
        const startV = plane.sv > 0 ? plane.rows - 1 : 0;
        const start = k * strides[plane.w] + startU * strides[plane.u] + startV * strides[plane.v];
        const scale = (256 * this.slope) / (high - low);
        const offset = (256 * (this.intercept - low)) / (high - low);
        const { voxels, inside } = this;
        for (let row = 0, pixel = 0; row < plane.rows; row++) {
            for (let column = 0, at = start + row * stepV; column < plane.columns; column++, at += stepU, pixel++) {
                const level = voxels[at] * scale + offset;
                pixels[pixel] = inside && !inside[at] ? 0 : table[level > 0 ? (level < 255 ? level | 0 : 255) : 0];
            }
        }
    }
}

export class Volumes {
    #kept = new Map(); // address to the promise of a volume

    // The volume of a picture; a failed one is tried again.
    get(picture) {
        if (!this.#kept.has(picture.url)) {
            const coming = this.#load(picture);
            this.#kept.set(picture.url, coming);
            coming.catch(() => this.#kept.delete(picture.url));
        }
        return this.#kept.get(picture.url);
    }

    // Forget all that is not among these pictures.
    keep(pictures) {
        const wanted = new Set(pictures.flatMap((picture) => [picture.url, picture.brain]));
        for (const address of this.#kept.keys()) if (!wanted.has(address)) this.#kept.delete(address);
    }

    async #load(picture) {
        const brain = picture.brain ? await this.get({ url: picture.brain, range: [0, 1] }) : undefined;
        const [cal_min, cal_max] = picture.range; // given, or NiiVue looks for a window of its own
        return new Volume(
            await NVImage.loadFromUrl({ url: await fetched(picture.url), name: "image.nii", cal_min, cal_max }),
            brain,
        );
    }
}

async function fetched(address) {
    const response = await fetch(address, { credentials: "same-origin" });
    if (!response.ok) throw new Error(`status ${response.status}`);
    const packed = new Uint8Array(await response.arrayBuffer());
    if (packed[0] !== 0x1f || packed[1] !== 0x8b) return packed.buffer;
    return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}
