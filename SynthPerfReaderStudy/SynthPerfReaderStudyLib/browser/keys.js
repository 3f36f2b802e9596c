// The sheet of all keys, behind "?" and a button.
export default {
  template: `
<span><button type="button" class="plain" @click="open = true" aria-keyshortcuts="?">Keys <kbd>?</kbd></button>
<teleport to="body"><dialog v-if="open" ref="sheet" class="keys synth" role="dialog" aria-label="Keys" @close="open = false" @cancel="open = false">
  <h2>Keys</h2>
  <div class="columns"><table v-for="(half, n) in keys" :key="n"><tbody>
    <tr v-for="row in half" :key="row[0]"><td><kbd v-for="k in row[0].split(' | ')" :key="k">{{ k }}</kbd></td><td>{{ row[1] }}</td></tr>
  </tbody></table></div>
  <button type="button" @click="open = false" autofocus>Close</button>
</dialog></teleport></span>`,
  data() {
    return {
      open: false,
      keys: [
        [
          ["Wheel | Up | Down", "slice, in all views"],
          ["Page Up | Page Down", "5 slices"],
          ["Home | End", "first, last slice"],
          ["Left drag", "the tool; window of anatomy"],
          ["Right drag | Ctrl+wheel", "zoom"],
          ["Middle drag", "pan"],
          ["Double-click", "one view large, and back"],
          ["Z", "zoom and place as at first"],
          ["F | Space", "flicker between map and anatomy"],
          ["O | Shift+O", "overlay on or off, its opacity"],
        ],
        [
          ["0 … 9", "answer of the marked question"],
          ["Tab | Shift+Tab", "next, previous question"],
          ["Ctrl+Enter", "save and next"],
          ["D | E | X", "disc, free-hand, erase"],
          ["Esc", "cancel the tool"],
          ["Ctrl+Z | Ctrl+Y", "undo, redo"],
          ["?", "this sheet"],
        ],
      ],
    };
  },
  watch: {
    open(now) {
      if (now) this.$nextTick(() => this.$refs.sheet.showModal());
    },
  },
  mounted() {
    document.addEventListener("keydown", this.onKey);
  },
  unmounted() {
    document.removeEventListener("keydown", this.onKey);
  },
  methods: {
    onKey(event) {
      const typing = event.target.closest("textarea, input:not([type=radio]):not([type=range]):not([type=checkbox])");
      if (event.key === "?" && !typing) this.open = !this.open;
    },
  },
};
