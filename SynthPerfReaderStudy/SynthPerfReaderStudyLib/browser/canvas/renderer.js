// NiiVue draws all views: one instance, one canvas, one graphics context, whatever the layout. Browsers allow about 16
// contexts, and uploading whole volumes took more than a second each without a graphics card; so each view has a sheet
// that holds the colours of the slice on the screen, which NiiVue shows as it shows any picture of one slice.
import { Niivue, NVImage, SLICE_TYPE } from "niivue";

const RGBA = 2304; // NIfTI's number for pictures with four bytes a pixel

export class Sheet {
    // image: NiiVue's picture of one slice; pixels: its colours as 32-bit numbers.
    constructor(image, plane) {
        this.image = image;
        this.plane = plane;
        this.pixels = new Uint32Array(image.img.buffer, image.img.byteOffset, plane.columns * plane.rows);
        this.painted = ""; // what its texture shows
    }

    static async of(plane) {
        const { columns, rows, dx, dy } = plane;
        const affine = [dx, 0, 0, 0, 0, dy, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
        const blank = new Uint8Array(4 * columns * rows);
        const file = NVImage.createNiftiArray([columns, rows, 1], [dx, dy, 1], affine, RGBA, blank);
        return new Sheet(await NVImage.loadFromUrl({ url: file, name: "slice.nii" }), plane);
    }
}

export class Renderer {
    #niivue;

    // Throws where the browser has no WebGL 2.
    static async on(canvas) {
        const renderer = new Renderer();
        renderer.#niivue = new Niivue({
            interactive: false, // its own mouse, keys (one opens an alert) and dropping of files stay off
            dragAndDropEnabled: false,
            isResizeCanvas: false,
            isRadiologicalConvention: true,
            isSliceMM: false,
            isOrientationTextVisible: false,
            crosshairWidth: 0,
            loadingText: "",
            logLevel: "silent",
        });
        await renderer.#niivue.attachToCanvas(canvas, false);
        renderer.#niivue.isAlphaClipDark = true; // what is transparent in a picture shows what lies under it
        return renderer;
    }

    // Give a sheet its texture; it must be painted afterwards.
    admit(sheet) {
        const niivue = this.#niivue;
        niivue.volumes = [sheet.image];
        niivue.back = {};
        niivue.volumeTexture = null;
        niivue.refreshLayers(sheet.image, 0);
        niivue.updateInterpolation(0);
        sheet.texture = niivue.volumeTexture;
        sheet.painted = "";
    }

    dismiss(sheet) {
        this.#niivue.gl.deleteTexture(sheet.texture);
    }

    // Send the sheet's colours to its texture.
    upload(sheet) {
        const { gl } = this.#niivue;
        const bytes = new Uint8Array(sheet.pixels.buffer, sheet.pixels.byteOffset, sheet.pixels.byteLength);
        gl.activeTexture(gl.TEXTURE0);
        gl.bindTexture(gl.TEXTURE_2D, sheet.texture);
        gl.texSubImage2D(
            gl.TEXTURE_2D,
            0,
            0,
            0,
            sheet.plane.columns,
            sheet.plane.rows,
            gl.RGBA,
            gl.UNSIGNED_BYTE,
            bytes,
        );
    }

    clear() {
        const { gl } = this.#niivue;
        gl.colorMask(true, true, true, true);
        gl.clearColor(0, 0, 0, 1);
        gl.clear(gl.COLOR_BUFFER_BIT);
        gl.colorMask(true, true, true, false); // the canvas stays opaque under a half transparent overlay
    }

    // Draw a sheet into a rectangle of the canvas (left, top, width, height in its pixels) so that the place `centre` (mm
    // on the plane's screen) lies in its middle, `scale` pixels a mm.
    draw(sheet, rectangle, centre, scale, opacity) {
        const niivue = this.#niivue;
        const { plane } = sheet;
        const x = (plane.su > 0 ? (plane.columns - 1) * plane.dx : 0) - centre[0];
        const y = (plane.sv > 0 ? (plane.rows - 1) * plane.dy : 0) - centre[1];
        const [w, h] = [rectangle[2] / scale / 2, rectangle[3] / scale / 2];
        niivue.screenFieldOfViewExtendedVox = () => ({
            mnMM: [x - w, y - h, -0.5],
            mxMM: [x + w, y + h, 0.5],
            fovMM: [2 * w, 2 * h, 1],
        });
        sheet.image.opacity = opacity;
        niivue.volumes = [sheet.image];
        niivue.volumeTexture = sheet.texture;
        niivue.screenSlices = [];
        niivue.bindTextures();
        niivue.draw2DMain(rectangle, SLICE_TYPE.AXIAL);
    }
}
