// Where the reader looks: one physical point (the slice), one middle and one magnification for all views.

const ZOOMS = [0.5, 20];

const mix = (a, b, share) => a.map((x, i) => x + (b[i] - x) * share);

export class Viewpoint {
    // Begins in the middle of the stack of a plane, which is fitted to the view.
    constructor(plane) {
        this.plane = plane;
        this.middle = plane.grid.point(plane.grid.size.map((n) => (n - 1) / 2));
        this.point = plane.onto(this.middle, Math.floor(plane.count / 2));
        this.reset();
    }

    reset() {
        [this.centre, this.zoom, this.cross] = [this.middle, 1, false];
    }

    // How a view of `width` by `height` pixels looks at the slices of a plane: {plane, k, scale, centre, toPixel, toPoint}.
    look(plane, width, height) {
        const [across, down] = this.plane.extent;
        const scale = Math.min(width / across, height / down) * this.zoom;
        const [x, y] = plane.onScreen(this.centre);
        const k = plane.slice(this.point);
        const place = (screen) => [(screen[0] - x) * scale + width / 2, (screen[1] - y) * scale + height / 2];
        return {
            plane,
            k,
            scale,
            centre: [x, y],
            toPixel: (point) => place(plane.onScreen(point)),
            toPoint: ([left, top]) => plane.point([x + (left - width / 2) / scale, y + (top - height / 2) / scale], k),
        };
    }

    // Go up by so many slices of the plane that is looked at; whether there was a way to go.
    scroll({ plane, k }, steps) {
        const next = plane.further(plane.further(k, 0), steps);
        if (next === k) return false;
        this.point = plane.onto(this.point, next);
        return true;
    }

    jump(look, pixel) {
        [this.point, this.cross] = [look.toPoint(pixel), true];
    }

    zoomAt(look, pixel, factor) {
        const zoom = Math.min(ZOOMS[1], Math.max(ZOOMS[0], this.zoom * factor));
        this.centre = mix(look.toPoint(pixel), this.centre, this.zoom / zoom);
        this.zoom = zoom;
    }

    pan({ plane, k, centre, scale }, [dx, dy]) {
        this.centre = plane.point([centre[0] - dx / scale, centre[1] - dy / scale], k);
    }
}
