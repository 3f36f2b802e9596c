// The coordinator's page: who is where, what is missing, links, and the steps that close a study.
export default {
  props: { content: Object, said: String, refusal: String, busy: String },
  emits: ["link", "revoke", "allow", "adjudicate", "lock", "unblind", "export", "analyze", "refresh"],
  template: `
<main class="wide">
  <p class="soft">Research use only. You coordinate this study.</p>
  <h1>{{ content.title }}</h1>
  <p v-if="content.simulated" class="refusal">All answers here are simulated.</p>
  <p>{{ content.planned - content.missing }} of {{ content.planned }} readings are done, {{ content.missing }} are missing;
    {{ content.notAssessable }} answers are “not assessable”. {{ content.events }} events are recorded.
    <strong>{{ content.state }}</strong></p>
  <div class="acts"><button type="button" @click="$emit('refresh')">Refresh</button>
    <span role="status" aria-live="polite"><span v-if="busy">{{ busy }}</span><span v-else-if="refusal" class="refusal">{{ refusal }}</span><span v-else>{{ said }}</span></span></div>

  <h2>Sessions</h2>
  <div class="scroll"><table>
    <thead><tr><th>Reader</th><th>Session</th><th class="number">Read</th><th>State</th><th>Last</th><th class="number short">Active min</th><th>When it may begin</th></tr></thead>
    <tbody><tr v-for="s in content.sessions" :key="s.reader + s.session">
      <td>{{ s.reader }}</td><td>{{ s.session || 'practice' }}</td><td class="number short">{{ s.read }} / {{ s.stimuli }}</td><td class="short">{{ s.state }}</td>
      <td class="short">{{ s.last.replace('T', ' ').replace('Z', ' UTC') }}</td><td class="number">{{ s.active_minutes }}</td><td>{{ s.refusal }}</td></tr></tbody>
  </table></div>
  <form class="acts" @submit.prevent="allow" v-if="!content.locked" aria-label="Exception from the washout">
    <label>Let <select v-model="reader" aria-label="Reader"><option v-for="r in content.readers" :key="r">{{ r }}</option></select></label>
    <label>begin session <select v-model.number="session" aria-label="Session"><option v-for="n in sessions" :key="n">{{ n }}</option></select> before its time, because</label>
    <input type="text" v-model="why" aria-label="Reason of the exception" placeholder="the reason stands in the record"><button type="submit">Allow</button>
  </form>

  <h2>Readings of each patient</h2>
  <p class="soft">A column is a patient, without a name. 1/2: of two planned readings one is done. Point at a cell to see what is missing.</p>
  <div class="scroll"><table class="matrix">
    <thead><tr><th>Reader</th><th v-for="g in content.matrix.patients" :key="g">{{ g }}</th></tr></thead>
    <tbody><tr v-for="row in content.matrix.rows" :key="row.reader"><th>{{ row.reader }}</th>
      <td v-for="(c, n) in row.cells" :key="n" :class="c.kind" :title="c.words" :aria-label="c.text + ', ' + c.words">{{ c.text }}</td></tr></tbody>
  </table></div>

  <h2>Personal links</h2>
  <p class="soft">Each works once, within 14 days. “Revoke” makes all links and log-ins of a person worthless.</p>
  <table><tbody><tr v-for="p in content.people" :key="p.name"><td>{{ p.name }}</td><td class="soft">{{ p.role }}</td>
    <td style="width: 60%"><input v-if="p.link" class="link" type="text" readonly :value="p.link" :aria-label="'Link of ' + p.name" @focus="$event.target.select()"></td>
    <td><div class="acts"><button type="button" @click="$emit('link', p.name)">New link</button><button type="button" @click="$emit('revoke', p.name)">Revoke</button></div></td></tr></tbody></table>

  <template v-if="content.adjudication">
    <h2>Disagreements</h2>
    <p>{{ content.adjudication }}</p>
    <div class="acts"><button type="button" :disabled="!!content.unblinded" @click="$emit('adjudicate')">Give out what is in dispute</button></div>
  </template>

  <h2>Lock and unblind</h2>
  <p v-if="content.missing && !content.locked" class="refusal">{{ content.missing }} readings are missing: {{ content.missingBy }}.</p>
  <form class="acts" @submit.prevent="$emit('lock', word)" v-if="!content.locked" aria-label="Lock">
    <input type="text" v-model="word" aria-label="Type lock" placeholder="type lock: no answer can be added any more"><button type="submit" class="danger" :disabled="word.trim().toLowerCase() !== 'lock'">Lock the reads</button></form>
  <p v-else>The reads are locked (event {{ content.locked }}).</p>
  <form class="acts" @submit.prevent="$emit('unblind', reason)" v-if="!content.unblinded" aria-label="Unblind">
    <input type="text" v-model="reason" aria-label="Reason of the unblinding" placeholder="why the code book is opened now; it stands in the record, and cannot be undone"><button type="submit" class="danger" :disabled="reason.trim().length < 3">Unblind the study</button></form>
  <p v-else>The study is unblinded (event {{ content.unblinded }}): {{ content.reason }}</p>

  <h2>Tables and report</h2>
  <p v-if="!content.locked" class="soft">They name the arms: lock the reads first.</p>
  <div class="acts">
    <button type="button" :disabled="!content.locked || !!busy" @click="$emit('export')">Make the tables</button>
    <a v-if="content.exported" href="/study/tables.zip" download>Download the tables</a>
    <button type="button" :disabled="!content.locked || !!busy" @click="$emit('analyze')">Analyse</button>
    <a v-if="content.analysed" href="/study/results/report.html" target="_blank" rel="noopener">Open the report</a>
  </div>
  <slot></slot>
</main>`,
  data() {
    return { reader: this.content.readers[0], session: null, why: "", word: "", reason: "" };
  },
  computed: {
    sessions() {
      return this.content.sessions.filter((s) => s.reader === this.reader && s.state === "not begun").map((s) => s.session);
    },
  },
  methods: {
    allow() {
      this.$emit("allow", { reader: this.reader, session: this.session, reason: this.why });
    },
  },
};
