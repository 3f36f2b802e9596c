// The form at the right: shows the questions and regions of a view, says what the reader does. No rule is decided here.
const LATER = 700; // ms without a key after which what is typed is said
const NUMBER = 1200; // ms within which a second digit belongs to the same number
const ROLLS = ["ArrowUp", "ArrowDown", "PageUp", "PageDown"]; // they always scroll the slices, so they never change an answer

export default {
  props: { content: Object, refusal: String, turn: Number },
  emits: ["answer", "reason", "withdraw", "arm", "erase", "save", "aside", "back", "pause", "leave", "go"],
  template: `
<form v-if="content.feedback" class="form" aria-label="Feedback" @submit.prevent>
  <div class="questions"><p class="remark">Practice</p><h2>The truth</h2><p class="truth">{{ content.feedback }}</p></div>
  <div class="actions"><p class="todo refusal" role="status">{{ refusal }}</p>
    <button type="button" class="main" ref="go" @click="$emit('go')" aria-keyshortcuts="Control+Enter">Next <kbd>Ctrl+Enter</kbd></button></div>
</form>
<form v-else class="form" aria-label="Questions" @submit.prevent @focusin="mark">
  <div class="questions" ref="questions">
    <p v-if="content.practice" class="remark">Practice: these answers do not count.</p>
    <p v-if="content.aside" class="remark">You had put this one aside.</p>
    <p v-if="content.stages > 1" class="remark">Step {{ content.stage }} of {{ content.stages }}</p>
    <fieldset v-for="(q, n) in content.questions" :key="key(q)" class="question" :class="{marked: marked === q.id}"
        :data-item="q.id">
      <legend><span class="count">{{ n + 1 }}</span> {{ q.text }}<span v-if="!q.required" class="soft"> (optional)</span></legend>
      <p v-if="q.help" class="help">{{ q.help }}</p>
      <template v-if="q.answers">
        <label v-for="a in q.answers" :key="a.value" class="choice" :class="{chosen: value(q) === a.value}">
          <input type="radio" :name="key(q)" :checked="value(q) === a.value" @change="say(q, a.value)" @keydown="roll"
            :aria-keyshortcuts="a.key"><kbd>{{ a.key }}</kbd><span>{{ a.words }}</span>
        </label>
      </template>
      <div v-else-if="q.kind === 'confidence'" class="confidence">
        <div class="slide">
          <input type="range" min="0" max="100" step="1" :value="value(q) ?? 50" :class="{unset: value(q) == null}"
            :aria-label="q.text + ' 0: ' + q.low + ', 100: ' + q.high"
            :aria-valuetext="value(q) == null ? 'not answered' : String(value(q))"
            @input="draft(q, Number($event.target.value))" @change="flush(q)" @pointerup="slid(q, $event)" @keydown="roll">
          <output>{{ value(q) ?? '–' }}</output>
        </div>
        <div class="ends"><span>0 {{ q.low }}</span><span>{{ q.high }} 100</span></div>
      </div>
      <textarea v-else rows="2" :maxlength="q.max" :aria-label="q.text" :value="value(q) ?? ''"
        @input="draft(q, $event.target.value)" @blur="flush(q)"></textarea>
      <label v-if="q.reasons.length" class="reasons">
        <span class="unseen">{{ q.text }}: not assessable because of</span>
        <select :value="q.na" @change="reason(q, $event.target.value)">
          <option value="">{{ q.na ? 'assessable after all' : 'not assessable …' }}</option>
          <option v-for="r in q.reasons" :key="r" :value="r">not assessable: {{ r }}</option>
        </select>
      </label>
    </fieldset>
    <fieldset v-for="(t, n) in content.tasks" :key="'t' + content.code + t.id" class="question"
        :class="{marked: marked === t.id}" :data-item="t.id">
      <legend><span class="count">{{ content.questions.length + n + 1 }}</span> <i :style="{background: t.colour}"></i> {{ t.title }}
        <span class="tally">{{ t.drawn }}/{{ t.wanted }}</span><span v-if="!t.required" class="soft"> (optional)</span></legend>
      <p v-if="t.help" class="help">{{ t.help }}</p>
      <div v-for="m in t.maps" :key="m.map" class="places">
        <span v-if="t.maps.length > 1" class="soft">{{ m.label }}</span>
        <button v-for="r in m.regions" :key="r.number" type="button" class="place" :class="{drawn: r.drawn}"
          :aria-pressed="String(armed(t, m, r))" @click="$emit('arm', {task: t.id, map: m.map, number: r.number})"
          :aria-label="t.title + ' ' + r.number + ' on ' + m.label + (r.drawn ? ', drawn' : ', not drawn yet')">
          {{ r.number }} {{ r.drawn ? '✓' : '–' }}</button>
        <template v-for="r in m.regions" :key="'v' + r.number">
          <button v-if="r.drawn && armed(t, m, r)" type="button" class="plain"
            @click="$emit('erase', {task: t.id, map: m.map, number: r.number})">erase {{ r.number }}</button>
          <p v-if="r.values" class="values">{{ r.number }}: {{ r.values }}</p>
          <p v-for="w in r.warnings" :key="w" class="warning">{{ r.number }}: {{ w }}</p>
        </template>
      </div>
      <label class="reasons"><span class="unseen">{{ t.title }}: cannot be drawn because</span>
        <input type="text" maxlength="200" :value="text(t)" placeholder="cannot be drawn, because …"
          @input="drafts[t.id] = $event.target.value" @change="unable(t)"></label>
    </fieldset>
  </div>
  <div class="actions">
    <p v-if="content.breakDue" class="remark">You have read for a while: a break?</p>
    <p class="todo" role="status" aria-live="polite">
      <span v-if="asked && content.missing.length" class="refusal">Still to do: {{ content.missing.join('; ') }}</span>
      <span v-else-if="refusal" class="refusal">{{ refusal }}</span>
      <span v-else-if="content.missing.length">{{ content.missing.length }} still to do</span>
      <span v-else>Complete. Every answer is saved.</span>
    </p>
    <button type="button" class="main" @click="save" aria-keyshortcuts="Control+Enter">
      {{ content.last ? 'Save and next' : 'Save and show more' }} <kbd>Ctrl+Enter</kbd></button>
    <div class="others" :class="{three: content.canAside !== content.canBack}">
      <button type="button" v-if="content.canAside" @click="leaveItem('aside')">Review later</button>
      <button type="button" v-if="content.canBack" @click="leaveItem('back')">Back</button>
      <button type="button" @click="leaveItem('pause')">Break</button>
      <button type="button" @click="leaveItem('leave')">Stop for now</button>
    </div>
  </div>
</form>`,
  data() {
    return { marked: "", drafts: {}, timers: {}, asked: false, digits: "", digitsAt: 0 };
  },
  computed: {
    place() {
      return [this.content.code, this.content.stage, this.content.feedback].join("/");
    },
    items() {
      return [...this.content.questions, ...this.content.tasks];
    },
  },
  watch: {
    place() {
      this.begin();
    },
    turn() {
      // An answer has come from the server: what was said is there, what is being typed stays.
      for (const q of this.content.questions) {
        if (!(q.id in this.timers)) delete this.drafts[q.id];
      }
    },
  },
  mounted() {
    document.addEventListener("keydown", this.onKey);
    this.begin();
  },
  unmounted() {
    document.removeEventListener("keydown", this.onKey);
    Object.values(this.timers).forEach(clearTimeout);
  },
  methods: {
    begin() {
      Object.values(this.timers).forEach(clearTimeout);
      Object.assign(this, { drafts: {}, timers: {}, asked: false, digits: "" });
      const first = this.firstOpen() ?? this.items[0];
      this.marked = first?.id ?? "";
      this.$nextTick(() => {
        if (this.content.feedback) return this.$refs.go.focus();
        this.$refs.questions.scrollTop = 0;
        if (first?.kind !== "text") this.focus(this.marked); // text would take the keys of the images
      });
    },
    firstOpen() {
      const open = (q) => q.required && this.value(q) == null && !q.na;
      return this.content.questions.find(open) ?? this.content.tasks.find((t) => t.required && !t.na && t.drawn < t.wanted);
    },
    key(q) {
      return this.place + "/" + q.id;
    },
    value(q) {
      return q.id in this.drafts ? this.drafts[q.id] : q.value;
    },
    text(t) {
      return t.id in this.drafts ? this.drafts[t.id] : t.na;
    },
    armed(t, m, r) {
      const a = this.content.armed;
      return !!a && a.task === t.id && a.map === m.map && a.number === r.number;
    },
    mark(event) {
      const item = event.target.closest("[data-item]");
      if (item) this.marked = item.dataset.item;
    },
    focus(id) {
      const item = [...this.$el.querySelectorAll("[data-item]")].find((e) => e.dataset.item === id);
      const control = item && (item.querySelector("input:checked") || item.querySelector("input, textarea, button"));
      if (control) control.focus();
    },
    tell(event, more) {
      this.$emit(event, { code: this.content.code, stage: this.content.stage, ...more });
    },
    say(q, value) {
      this.drafts[q.id] = value;
      this.tell("answer", { item: q.id, value });
    },
    draft(q, value) {
      this.drafts[q.id] = value;
      clearTimeout(this.timers[q.id]);
      this.timers[q.id] = setTimeout(() => this.flush(q), LATER);
    },
    flush(q) {
      if (!(q.id in this.timers)) return;
      clearTimeout(this.timers[q.id]);
      delete this.timers[q.id];
      const value = this.drafts[q.id];
      if (typeof value === "string" && !value.trim()) {
        if (q.value != null) this.tell("withdraw", { item: q.id });
      } else if (value !== q.value) {
        this.tell("answer", { item: q.id, value });
      }
    },
    slid(q, event) {
      // A click on the middle of an unset slider changes nothing for the browser, and is an answer all the same.
      this.draft(q, Number(event.target.value));
      this.flush(q);
    },
    reason(q, words) {
      clearTimeout(this.timers[q.id]);
      delete this.timers[q.id];
      this.drafts[q.id] = null;
      words ? this.tell("reason", { item: q.id, reason: words }) : this.tell("withdraw", { item: q.id });
    },
    unable(t) {
      const words = (this.drafts[t.id] ?? "").trim();
      delete this.drafts[t.id];
      if (words && words !== t.na) this.tell("reason", { item: t.id, reason: words });
      if (!words && t.na) this.tell("withdraw", { item: t.id });
    },
    flushAll() {
      for (const q of this.content.questions) this.flush(q);
      for (const t of this.content.tasks) if (t.id in this.drafts) this.unable(t);
    },
    save() {
      this.flushAll();
      this.asked = true;
      this.tell("save", {});
      const first = this.firstOpen();
      if (first) this.focus(first.id);
    },
    leaveItem(event) {
      this.flushAll();
      this.tell(event, {});
    },
    roll(event) {
      // The slices are scrolled, whatever has the keyboard; an answer is never changed by it.
      if (!ROLLS.includes(event.key)) return;
      event.preventDefault();
      event.stopPropagation();
      const more = { key: event.key, code: event.code, bubbles: true };
      document.querySelector(".seat")?.dispatchEvent(new KeyboardEvent("keydown", more));
    },
    onKey(event) {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        if (event.repeat || document.querySelector("dialog[open]")) return;
        this.content.feedback ? this.$emit("go") : this.save();
        return;
      }
      if (event.ctrlKey || event.altKey || event.metaKey || document.querySelector("dialog[open]")) return;
      const typing = event.target.closest("textarea, select, input:not([type=radio]):not([type=range])");
      if (!typing && /^[0-9]$/.test(event.key)) this.digit(event);
    },
    digit(event) {
      const q = this.content.questions.find((question) => question.id === this.marked);
      if (!q) return;
      if (q.answers) {
        const answer = q.answers.find((a) => a.key === event.key);
        if (!answer) return;
        this.say(q, answer.value);
        this.$nextTick(() => this.focus(q.id));
      } else if (q.kind === "confidence") {
        const now = performance.now();
        const longer = now - this.digitsAt < NUMBER ? this.digits + event.key : event.key;
        this.digits = Number(longer) <= 100 ? longer : event.key;
        this.digitsAt = now;
        this.draft(q, Number(this.digits));
      } else return;
      event.preventDefault();
    },
  },
};
