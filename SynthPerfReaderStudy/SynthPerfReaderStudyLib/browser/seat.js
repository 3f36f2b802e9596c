// The canvas of the browser seat as an element of the page. It shows what the server says and reports what the reader
// does; it decides nothing and keeps nothing.
import { Board } from "synthperf-seat/board.js";
import { Gestures } from "synthperf-seat/gestures.js";
import { Keys } from "synthperf-seat/keys.js";
import { STYLE } from "synthperf-seat/style.js";

const TOOLS = [
    { name: "disc", label: "Disc", key: "D" },
    { name: "outline", label: "Free-hand", key: "E" },
    { name: "erase", label: "Erase", key: "X" },
];
const ACTIVITY = 5000; // ms between two signs of life

export default {
    template: `
    <div class="seat" tabindex="0" role="region" aria-label="Images of the case">
      <div class="seat-stage" ref="stage">
        <canvas class="seat-picture" ref="canvas" aria-hidden="true"></canvas>
        <div class="seat-views" ref="views"></div>
        <div class="seat-curtain" ref="curtain" role="alert" hidden></div>
      </div>
      <div class="seat-words" role="status">{{ state.words }}</div>
      <div class="seat-tools" role="toolbar" aria-label="Tools of the images">
        <template v-if="state.allowed.length">
          <button v-for="tool in tools" :key="tool.name" type="button" :disabled="!state.allowed.includes(tool.name)"
            :aria-pressed="String(state.tool?.name === tool.name)" :data-tool="tool.name"
            :title="state.allowed.includes(tool.name) ? tool.label + ' (' + tool.key + ')' : 'Nothing is to be drawn this way now'"
            @click="choose(tool.name)">{{ tool.label }}</button>
          <button type="button" data-tool="undo" :disabled="!state.undo" @click="report('undo')"
            :title="state.undo ? 'Undo (Ctrl+Z)' : 'There is nothing to undo'">Undo</button>
          <button type="button" data-tool="redo" :disabled="!state.redo" @click="report('redo')"
            :title="state.redo ? 'Redo (Ctrl+Y)' : 'There is nothing to do again'">Redo</button>
        </template>
        <label v-if="mixed"><button type="button" data-tool="overlay" :aria-pressed="String(overlay.on)" title="Map over the anatomy (O)"
            @click="board.setOverlay(!overlay.on)">Overlay</button>
          <input type="range" min="10" max="100" step="10" aria-label="Opacity of the overlay, per cent" title="Opacity of the overlay (Shift+O)"
            :value="Math.round(100 * overlay.opacity)" @input="board.setOverlay(true, $event.target.value / 100)">
          <span>{{ Math.round(100 * overlay.opacity) }} %</span></label>
        <button type="button" data-tool="reset" title="Reset zoom, position and windows (Z)" @click="board.reset()">Reset view</button>
        <span v-if="state.case?.values" class="seat-value">Value at the pointer: {{ value || "–" }}</span>
        <span class="seat-gap"></span>
        <span class="seat-research">Research use only</span>
      </div>
    </div>`,
    props: { content: String },
    data: () => ({ overlay: { on: false, opacity: 0.4 }, value: "" }),
    computed: {
        state() {
            return JSON.parse(this.content);
        },
        tools: () => TOOLS,
        mixed() {
            return new Set(this.state.case?.images.map((image) => image.kind)).size > 1;
        },
    },
    mounted() {
        if (!document.getElementById("seat-style")) {
            const style = Object.assign(document.createElement("style"), { id: "seat-style", textContent: STYLE });
            document.head.append(style);
        }
        const { stage, canvas, views, curtain } = this.$refs;
        this.board = new Board({ stage, canvas, views, curtain }, this.told);
        this.gestures = new Gestures(this.board, views, this.told);
        this.keys = new Keys(this.board, this.told);
        views.addEventListener("click", (event) => {
            if (event.target.closest(".seat-large"))
                this.board.enlarge(this.board.large ? null : this.board.viewOf(event));
        });
        window.seatTimings = this.board.timings;
        this.board.update(this.shown());
    },
    unmounted() {
        this.keys.close();
        this.board.close();
    },
    watch: {
        state() {
            this.board?.update(this.shown());
        },
    },
    methods: {
        shown() {
            const { tables, ahead, regions, tool } = this.state;
            return { tables, ahead, regions, tool, case: this.state.case };
        },
        // What board, gestures and keys report: some of it stays here, the rest goes to the server.
        told(name, ...values) {
            if (name === "overlay" || name === "value") [this[name]] = values;
            else if (name === "tool") this.choose(values[0]);
            else if (name === "activity") this.alive();
            else if ((name !== "undo" && name !== "redo") || this.state[name]) this.report(name, ...values);
        },
        choose(tool) {
            if (tool === null || this.state.allowed.includes(tool))
                this.report("tool", tool === this.state.tool?.name ? null : tool);
        },
        alive() {
            const now = performance.now();
            if (now - (this.last ?? -ACTIVITY) < ACTIVITY) return;
            this.last = now;
            this.report("activity");
        },
        report(name, ...values) {
            this.$emit("seat", [name, ...values]);
        },
    },
};
