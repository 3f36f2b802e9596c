// Where voxels lie and how they are looked at. Physical points are LPS in mm, the rules are those of
// SynthPerfLib/rois/grid.py, so that page and server mean the same voxel by the same point.

const THICKER = 1.2;
const NUDGE = [1e-4, 0.7e-4, 0.4e-4]; // mm; a point on an edge goes to the voxel further to L, P, S
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];

export class Grid {
    // size, spacing, origin: along i, j, k; direction: the nine numbers of the matrix of unit axes, row by row.
    constructor({ size, spacing, origin, direction }) {
        this.size = size;
        this.spacing = spacing;
        this.origin = origin;
        this.axes = [0, 1, 2].map((axis) => [0, 1, 2].map((row) => direction[3 * row + axis]));
    }

    // Of a NIfTI header as NiiVue reads it: an affine in RAS.
    static ofHeader(header) {
        const lps = header.affine.slice(0, 3).map((row, i) => (i < 2 ? row.map((x) => -x) : row));
        const columns = [0, 1, 2].map((axis) => lps.map((row) => row[axis]));
        const spacing = columns.map((column) => Math.hypot(...column));
        const direction = [0, 1, 2].flatMap((row) => columns.map((column, axis) => column[row] / spacing[axis]));
        return new Grid({ size: header.dims.slice(1, 4), spacing, origin: lps.map((row) => row[3]), direction });
    }

    point(index) {
        return [0, 1, 2].map((row) =>
            this.axes.reduce((sum, axis, i) => sum + axis[row] * this.spacing[i] * index[i], this.origin[row]),
        );
    }

    index(point) {
        const away = point.map((x, row) => x - this.origin[row]);
        return this.axes.map((axis, i) => dot(axis, away) / this.spacing[i]); // the axes are orthonormal
    }

    nearest(point) {
        return this.index(point.map((x, row) => x + NUDGE[row])).map((x) => Math.floor(x + 0.5));
    }

    same(other) {
        const corners = [[0, 0, 0], this.size.map((n) => n - 1)];
        const near = (a, b) => Math.hypot(...a.map((x, i) => x - b[i])) < 1e-3;
        return (
            this.size.every((n, i) => n === other.size[i]) && corners.every((c) => near(this.point(c), other.point(c)))
        );
    }

    // The body's axis (0 left-right, 1 front-back, 2 head-foot) across which its slices were acquired.
    get across() {
        const order = [0, 1, 2].sort((a, b) => this.spacing[a] - this.spacing[b]);
        if (this.spacing[order[2]] < THICKER * this.spacing[order[1]]) return 2;
        const axis = this.axes[order[2]].map(Math.abs);
        return axis.indexOf(Math.max(...axis));
    }
}

// What lies to the right of, below and above (towards the reader's next slice up) a screen that shows slices across
// each of the body's axes: the patient's right is on the left, the nose of a sagittal slice too.
const SCREENS = [
    { right: [1, 1], down: [2, -1], up: 1 }, // sagittal: right is P, down is I, up the stack is L
    { right: [0, 1], down: [2, -1], up: -1 }, // coronal: right is L, down is I, up the stack is A
    { right: [0, 1], down: [1, 1], up: 1 }, // axial: right is L, down is P, up the stack is S
];
const LETTERS = ["RL", "AP", "IS"];

// The slices of a grid that lie nearest to a plane across one of the body's axes, as they stand on the screen.
// On the screen x runs to the right and y down, both in mm from voxel 0.
export class Plane {
    constructor(grid, across) {
        const screen = SCREENS[across];
        const along = (axis, bodyAxis) => Math.abs(grid.axes[axis][bodyAxis]);
        this.grid = grid;
        this.w = [0, 1, 2].reduce((best, axis) => (along(axis, across) > along(best, across) ? axis : best));
        const [a, b] = [0, 1, 2].filter((axis) => axis !== this.w);
        const [right, down] = [screen.right[0], screen.down[0]];
        const straight = along(a, right) + along(b, down) >= along(b, right) + along(a, down);
        [this.u, this.v] = straight ? [a, b] : [b, a];
        this.su = Math.sign(grid.axes[this.u][right]) * screen.right[1] || 1;
        this.sv = Math.sign(grid.axes[this.v][down]) * screen.down[1] || 1;
        this.sw = Math.sign(grid.axes[this.w][across]) * screen.up || 1;
        [this.columns, this.rows, this.count] = [this.u, this.v, this.w].map((axis) => grid.size[axis]);
        [this.dx, this.dy, this.thickness] = [this.u, this.v, this.w].map((axis) => grid.spacing[axis]);
        this.across = across;
    }

    // Where a (continuous) index stands on the screen, mm.
    screen(index) {
        return [this.su * this.dx * index[this.u], this.sv * this.dy * index[this.v]];
    }

    // Where a physical point stands on the screen, mm.
    onScreen(point) {
        return this.screen(this.grid.index(point));
    }

    // The physical point at a place of the screen in slice k.
    point([x, y], k) {
        const index = [0, 0, 0];
        index[this.u] = x / (this.su * this.dx);
        index[this.v] = y / (this.sv * this.dy);
        index[this.w] = k;
        return this.grid.point(index);
    }

    slice(point) {
        return this.grid.nearest(point)[this.w];
    }

    holds(k) {
        return k >= 0 && k < this.count;
    }

    // The point moved onto the middle of slice k, straight across.
    onto(point, k) {
        return this.point(this.onScreen(point), k);
    }

    // The slice that lies `steps` further up the stack, within the volume.
    further(k, steps) {
        return Math.min(this.count - 1, Math.max(0, k + this.sw * steps));
    }

    // Number of slice k from the bottom of the stack, from 1.
    number(k) {
        return this.sw > 0 ? k + 1 : this.count - k;
    }

    // How far slice k lies along its own normal, mm; with the letter of the side of the body.
    position(k) {
        const normal = this.grid.axes[this.w];
        const sign = Math.sign(normal[this.across]);
        const away = sign * dot(normal, this.grid.point([0, 1, 2].map((axis) => (axis === this.w ? k : 0))));
        return `${LETTERS[this.across][away < -0.05 ? 0 : 1]} ${Math.abs(away).toFixed(1)} mm`;
    }

    // The sides of the body at the edges of the screen; two letters where a side lies between two.
    get marks() {
        const right = this.grid.axes[this.u].map((x) => x * this.su);
        const down = this.grid.axes[this.v].map((x) => x * this.sv);
        const opposite = (axis) => axis.map((x) => -x);
        return {
            left: letters(opposite(right)),
            right: letters(right),
            top: letters(opposite(down)),
            bottom: letters(down),
        };
    }

    get extent() {
        return [this.columns * this.dx, this.rows * this.dy];
    }
}

function letters(direction) {
    return [0, 1, 2]
        .filter((axis) => Math.abs(direction[axis]) > 0.38)
        .sort((a, b) => Math.abs(direction[b]) - Math.abs(direction[a]))
        .map((axis) => LETTERS[axis][direction[axis] > 0 ? 1 : 0])
        .join("");
}
