// Before a session: instructions, the display record, and once the reader's experience.
export default {
  props: { content: Object, refusal: String },
  emits: ["begin"],
  template: `
<form class="sheet" @submit.prevent="begin" aria-label="Before you begin">
  <p class="soft">{{ content.who }}</p>
  <h1>{{ content.title }}</h1>
  <p class="lead">{{ content.session }}</p>
  <p v-if="content.refusal" class="refusal">{{ content.refusal }}</p>
  <template v-else>
    <h2>Instructions</h2>
    <p class="instructions">{{ content.instructions || 'The protocol has no further instructions.' }}</p>
    <label v-if="content.first" class="tick"><input type="checkbox" v-model="read" name="read"> I have read the instructions</label>
    <template v-if="content.first">
      <h2>Your experience</h2>
      <label class="field">Years of reading such images <input type="number" min="0" max="80" step="0.5" v-model="years" name="years" required></label>
      <label class="field">Training, such as neuroradiology <input type="text" maxlength="200" v-model="training" name="training" required></label>
    </template>
    <h2>Your screen</h2>
    <p>{{ screen.width }} x {{ screen.height }} pixels<span v-if="screen.scale !== 1">, {{ Math.round(screen.scale * 100) }} % scale</span>.
      Move this window to the screen on which you will read.</p>
    <fieldset class="row"><legend>Light in the room</legend>
      <label v-for="light in content.lights" :key="light" class="tick"><input type="radio" name="light" :value="light" v-model="light_"> {{ light }}</label>
    </fieldset>
    <label class="field">Brightness of the screen in cd/m², if you know it <input type="number" min="1" max="99999" v-model="brightness" name="brightness"></label>
    <div class="pattern" role="img" aria-label="Test pattern: eleven steps from black to white, a darker and a lighter square">
      <span v-for="n in 11" :key="n" :style="{background: grey((n - 1) * 10)}">
        <i v-if="n === 1" :style="{background: grey(5)}"></i><i v-if="n === 11" :style="{background: grey(95)}"></i></span>
    </div>
    <label class="tick"><input type="checkbox" v-model="pattern" name="pattern"> I can tell all eleven steps apart, and see the small square in the first and in the last one</label>
    <div class="end">
      <button type="submit" class="main" name="begin">{{ content.begin }}</button>
      <p role="status" aria-live="polite" class="refusal">{{ refusal || open }}</p>
    </div>
  </template>
</form>`,
  data() {
    return { read: false, years: "", training: "", light_: "", brightness: "", pattern: false, open: "", screen: screenNow() };
  },
  mounted() {
    window.addEventListener("resize", this.look);
    import("synthperf-seat/board.js").catch(() => {}); // the viewer is there when the first images come
  },
  unmounted() {
    window.removeEventListener("resize", this.look);
  },
  methods: {
    look() {
      this.screen = screenNow();
    },
    grey(percent) {
      const level = Math.round(2.55 * percent);
      return `rgb(${level},${level},${level})`;
    },
    begin() {
      this.open = this.light_ ? "" : "Say how bright the room is.";
      if (this.content.first && !this.read) this.open = "Read the instructions, and say so.";
      if (this.open) return;
      this.look();
      const number = (text) => (text === "" ? null : Number(text));
      this.$emit("begin", {
        screen: this.screen,
        light: this.light_,
        brightness: number(this.brightness),
        pattern: this.pattern,
        years: number(this.years),
        training: this.training,
        read: this.read,
      });
    },
  },
};

function screenNow() {
  const scale = window.devicePixelRatio || 1;
  return { width: Math.round(screen.width * scale), height: Math.round(screen.height * scale), scale };
}
