// Regions as the server gives them: a grid and runs of voxels. Their outlines run along the edges of their voxels.
import { Grid, Plane } from "./geometry.js";

export class Region {
    #cuts = new Map(); // body axis to {plane, slices: slice to its voxels on the screen}

    constructor({ id, label, colour, images, grid, runs }) {
        Object.assign(this, { id, label, colour, images: new Set(images), grid: new Grid(grid) });
        const [ni, nj] = this.grid.size;
        this.voxels = runs.flatMap(([first, length]) =>
            Array.from({ length }, (_, n) => first + n).map((at) => [
                at % ni,
                Math.floor(at / ni) % nj,
                Math.floor(at / (ni * nj)),
            ]),
        );
    }

    #cut(across) {
        if (!this.#cuts.has(across)) {
            const plane = new Plane(this.grid, across);
            const slices = new Map();
            for (const voxel of this.voxels) {
                const k = voxel[plane.w];
                if (!slices.has(k)) slices.set(k, []);
                slices.get(k).push(voxel);
            }
            this.#cuts.set(across, { plane, slices });
        }
        return this.#cuts.get(across);
    }

    // The voxels to draw where `plane` shows slice k and `point` lies in that slice: those of the region's slices that
    // the point lies in, or whose middle lies in the slice that is shown.
    shown(plane, k, point) {
        const own = this.#cut(plane.across);
        const here = own.plane.slice(plane.onto(point, k));
        const found = [];
        for (const [number, voxels] of own.slices) {
            if (number === here || plane.slice(this.grid.point(voxels[0])) === k) found.push(voxels);
        }
        return { plane: own.plane, slices: found };
    }

    // Whether the point lies in it, as it is shown.
    holds(plane, k, point) {
        const { plane: own, slices } = this.shown(plane, k, point);
        return slices.some((voxels) => {
            const at = this.grid.nearest(own.onto(plane.onto(point, k), voxels[0][own.w]));
            return voxels.some((voxel) => voxel.every((x, axis) => x === at[axis]));
        });
    }

    // Its outline as {d: the data of an SVG path, corner: where its label goes}; toPixel brings a physical point there.
    outline(plane, k, point, toPixel) {
        const { plane: own, slices } = this.shown(plane, k, point);
        let [d, corner] = ["", null]; // right-most, then upper-most
        for (const voxels of slices) {
            for (const [from, to] of edges(voxels, own)) {
                const ends = [from, to].map((index) => toPixel(this.grid.point(index)));
                d += `M${written(ends[0])}L${written(ends[1])}`;
                for (const p of ends) if (!corner || p[0] - p[1] > corner[0] - corner[1]) corner = p;
            }
        }
        return { d, corner };
    }
}

// The sides of voxels that no other voxel of the set shares, as pairs of corners.
function* edges(voxels, { u, v }) {
    const taken = new Set(voxels.map((voxel) => `${voxel[u]},${voxel[v]}`));
    for (const voxel of voxels) {
        for (const [axis, other] of [
            [u, v],
            [v, u],
        ]) {
            for (const side of [-1, 1]) {
                const beside = [...voxel];
                beside[axis] += side;
                if (taken.has(`${beside[u]},${beside[v]}`)) continue;
                yield [-0.5, 0.5].map((half) => {
                    const corner = [...voxel];
                    corner[axis] += side / 2;
                    corner[other] += half;
                    return corner;
                });
            }
        }
    }
}

// A place on the screen in an SVG path.
export function written([x, y]) {
    return `${x.toFixed(2)} ${y.toFixed(2)}`;
}
