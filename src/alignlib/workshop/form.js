// One participant's form. What a person chose is "saved" only when the store has said so; until then it waits in this
// browser and is sent again. Read after link.js, as one module.
const PAUSE = 800; // ms: what is typed counts after so long a pause
const MOST = 20; // questions a message
let drawn = 0; // names of radio groups and ids: an item's name may hold any characters

export default {
  render({ model, el }) {
    const form = new Form(model, el);
    return () => form.end();
  },
};

class Form extends Page {
  constructor(model, el) {
    super(model, el);
    this.later = new Map();
    this.isKiosk = kiosk();
    this.head = make("div");
    this.body = make("form", { noValidate: true, onsubmit: (event) => (event.preventDefault(), this.flush()) });
    this.status = make("p", { className: "alignlib-count" });
    this.left = make("p", { className: "alignlib-left" });
    const next = make("button", { type: "button", onclick: () => this.next() }, this.say("next"));
    const bar = make("div", { className: "alignlib-progress" }, this.status, this.left, this.live);
    if (this.isKiosk || this.local()) bar.append(next);
    const named = { className: "alignlib-form", "aria-label": this.say("label") };
    this.seated();
    this.begin(make("section", named, this.head, this.body, bar), {
      "change:seat": () => this.seated(true), "change:page": () => this.draw(true), "change:mine": () => this.fill(),
      "change:room": () => this.phase(), "change:local": () => this.bar(),
    });
    this.away = (event) => {
      this.flush();
      if (this.box.isBlocked && this.box.waiting.size) event.preventDefault(); // asks before the page is left
    };
    addEventListener("beforeunload", this.away);
    addEventListener("pagehide", this.away);
    this.link = new Link(this);
  }
  end() {
    super.end();
    removeEventListener("beforeunload", this.away);
    removeEventListener("pagehide", this.away);
  }
  local() {
    const local = this.model.get("local") ?? {};
    return local.teams ? local : null;
  }
  page() {
    return this.model.get("page") ?? {};
  }
  room() {
    return this.model.get("room") ?? {};
  }
  isOpen() {
    return (this.room().phase ?? "answering") === "answering";
  }

  // --- to the kernel and back
  send(now) {
    if (this.room().phase === "closed") return;
    const due = [...this.box.waiting.values()].filter((entry) => !entry.sent || now - entry.sent >= AGAIN);
    for (let at = 0; at < due.length; at += MOST) {
      const some = due.slice(at, at + MOST);
      for (const entry of some) entry.sent = now;
      this.tell({ save: some.flatMap((entry) => entry.answers) });
    }
    this.marks();
    if (this.room().until) this.countdown();
  }
  hear(said) {
    if (said.saved || said.refused) this.settled(said.saved ?? [], said.refused ?? []);
    if (said.pong !== undefined) this.link.pong(said);
  }
  settled(saved, refused) {
    const why = new Map(refused.map((each) => [each.id, each.why]));
    for (const entry of this.box.settle(new Set([...saved, ...why.keys()]))) {
      const found = entry.answers.find((answer) => why.has(answer.id));
      const unit = this.units.find((each) => each.items.includes(entry.answers[0].item));
      if (!unit || entry.form !== this.page().form) continue;
      Object.assign(unit, { why: found ? why.get(found.id) : "", wasChanged: false });
      if (!found) for (const { item, value } of entry.answers) this.saved[item] = value;
      const words = found ? this.say("refused", { why: unit.why }) : this.say("saved");
      this.live.textContent = `${unit.name}: ${words}`;
    }
    this.marks();
  }
  seated(anew = false) {
    this.later.forEach((each) => clearTimeout(each.timer));
    this.later.clear();
    if (anew) this.box.clear(); // what the last person chose is never sent under the next one's name
    this.box = new Outbox(this.model.get("seat"));
    this.draw();
    this.bar();
  }

  // --- drawing
  draw(isNew = false) {
    this.flush();
    const page = this.page();
    this.units = [];
    this.saved = { ...(this.model.get("mine") ?? {}) };
    const isClosed = this.room().phase === "closed", title = page.title ?? this.say(isClosed ? "end" : "wait_title");
    this.title = make("h1", { tabIndex: -1, dir: "auto" }, title);
    this.notice = make("p", { className: "alignlib-notice", hidden: true });
    const whose = page.form ? `scope_${page.scope}` : this.local() && !this.local().team ? "wait_team" : "wait";
    const intro = page.intro ? [make("p", { dir: "auto" }, page.intro)] : [];
    if (!isClosed) intro.push(make("p", { className: "alignlib-quiet" }, this.say(whose)));
    if (this.box.isBlocked) intro.push(make("p", { className: "alignlib-notice" }, this.say("blocked")));
    const sections = (page.sections ?? []).map((section) => this.section(section));
    this.body.setAttribute("aria-label", title);
    this.body.replaceChildren(this.title, this.notice, ...intro, ...sections);
    this.fill();
    this.phase();
    if (isNew) {
      this.title.focus();
      this.title.scrollIntoView({ block: "start" });
    }
  }
  section({ title, how, questions }) {
    const points = questions.filter((question) => question.kind === "points");
    const parts = questions.filter((question) => question.kind !== "points").map((question) => this.question(question));
    if (points.length) parts.push(this.points(points, title));
    const isOwn = title && title !== this.page().title; // or it stands over the page already
    return make("section", {}, isOwn ? make("h2", { dir: "auto" }, title) : "",
      how ? make("p", { className: "alignlib-quiet", dir: "auto" }, how) : "", ...parts);
  }
  /** A unit is what is answered at once: one question, or a set of points. */
  unit(given) {
    const unit = { form: this.page().form, why: "", wasChanged: false, ...given, id: `alignlib-q${++drawn}` };
    unit.mark = make("p", { className: "alignlib-mark", id: `${unit.id}-mark` });
    this.units.push(unit);
    return unit;
  }
  question(question) {
    const unit = this.unit({ items: [question.item], name: question.text });
    const hint = make("p", { className: "alignlib-quiet", id: `${unit.id}-hint`, dir: "auto" }, this.hint(question));
    const about = `${hint.textContent ? `${hint.id} ` : ""}${unit.mark.id}`;
    const choose = (value) => this.choose(unit, { [question.item]: value });
    if (question.kind === "choice") return this.choice(question, unit, hint, about, choose);
    const isNumber = question.kind === "number", isDay = question.unit === "day";
    const own = isNumber ? { type: "text", inputMode: "decimal", maxLength: 20 }
      : isDay ? { type: "date" } : { maxLength: 200, rows: 2 };
    const named = { id: unit.id, dir: "auto", "aria-describedby": about, autocomplete: "off" };
    const field = make(isNumber || isDay ? "input" : "textarea", { ...named, ...own });
    unit.read = () => ({ [question.item]: field.value.trim() });
    this.typed(field, unit, () => choose(field.value.trim()));
    unit.show = (values) => (field.value = values[question.item] ?? "");
    const label = make("label", { for: unit.id, dir: "auto" }, question.text);
    const measure = isNumber && question.unit ? make("span", { className: "alignlib-unit" }, question.unit) : "";
    return make("div", { className: "alignlib-question" }, label, hint, make("div", {}, field, measure), unit.mark);
  }
  choice(question, unit, hint, about, choose) {
    const radios = question.options.map(([value, label]) => {
      const radio = make("input", { type: "radio", name: unit.id, value, onchange: () => choose(value) });
      const apart = value === "cannot_say" ? "alignlib-apart" : "";
      return [radio, make("label", { className: apart }, radio, make("span", { dir: "auto" }, label))];
    });
    const remove = () => {
      if (!this.isOpen() || !radios.some(([radio]) => radio.checked)) return;
      radios.forEach(([radio]) => (radio.checked = false));
      radios[0][0].focus(); // the button goes; and from another one Tab would stop in this question again
      choose("");
    };
    // Not a Tab stop of its own: from the keyboard Delete does it, and each question stays one stop.
    unit.remove = make("button", { type: "button", tabIndex: -1, hidden: true, onclick: remove,
      "aria-label": `${this.say("remove")}: ${question.text}` }, this.say("remove"));
    unit.read = () => ({ [question.item]: radios.find(([radio]) => radio.checked)?.[0].value ?? "" });
    unit.show = ({ [question.item]: chosen }) => {
      for (const [radio] of radios) radio.checked = radio.value === chosen;
    };
    const onkeydown = (event) => { // gives nothing back: false would take the arrow keys and Tab from the radios
      if (["Delete", "Backspace"].includes(event.key)) remove();
    };
    const isShort = ([, label]) => label.length <= 24 && label.split(" ").every((word) => word.length <= 10);
    const isScale = radios.length <= 6 && question.options.every(isShort); // then each has a column
    const among = { className: `alignlib-options${isScale ? " alignlib-scale" : ""}` };
    const options = make("div", among, ...radios.map(([, label]) => label));
    const legend = make("legend", { dir: "auto" }, question.text);
    const named = { className: "alignlib-question", "aria-describedby": about, "aria-keyshortcuts": "Delete" };
    return make("fieldset", { ...named, onkeydown }, legend, hint, options, this.foot(unit.mark, unit.remove));
  }
  foot(...inside) {
    return make("div", { className: "alignlib-foot" }, ...inside);
  }
  points(questions, title) {
    const unit = this.unit({ items: questions.map((question) => question.item), name: title });
    const sum = make("output", { className: "alignlib-sum" });
    const fields = questions.map((question, at) => {
      const named = { id: `${unit.id}-${at}`, autocomplete: "off", "aria-describedby": unit.mark.id };
      const field = make("input", { ...named, type: "text", inputMode: "numeric", maxLength: 3 });
      this.typed(field, unit, () => this.allot(unit));
      return field;
    });
    const typed = () => fields.map((field) => field.value.trim());
    unit.read = () => {
      const values = typed(), isEmpty = values.every((value) => value === "");
      const isWhole = values.reduce((all, value) => all + (/^\d*$/.test(value) ? Number(value) : NaN), 0) === 100;
      unit.isDraft = !isEmpty && !isWhole;
      return Object.fromEntries(unit.items.map((item, at) => [item, isEmpty ? "" : values[at] || "0"]));
    };
    unit.show = (values) => {
      fields.forEach((field, at) => (field.value = values[unit.items[at]] ?? ""));
      unit.given();
    };
    unit.given = () => {
      const given = typed().reduce((all, value) => all + (/^\d+$/.test(value) ? Number(value) : 0), 0);
      const words = this.say("points", { given });
      if (sum.textContent !== words) sum.textContent = words;
    };
    const rows = questions.map((question, at) => make("div", { className: "alignlib-row" },
      make("label", { for: fields[at].id, dir: "auto" }, question.text), fields[at]));
    const legend = make("legend", { className: "alignlib-hidden" }, title);
    return make("fieldset", { className: "alignlib-question" }, legend, ...rows, this.foot(sum, unit.mark));
  }
  allot(unit) {
    const values = unit.read();
    unit.given();
    if (!unit.isDraft) this.choose(unit, values);
    else this.marks();
  }
  hint({ kind, hint, low, high, unit }) {
    const range = kind === "number" && high > low ? this.say("range", { low, high }) : "";
    return [hint, kind === "words" && unit !== "day" ? this.say("at_most") : range].filter(Boolean).join(" ");
  }
  /** What is typed counts after a pause, or when the field is left, whichever comes first. */
  typed(field, unit, act) {
    const now = () => {
      if (!this.later.has(field)) return;
      clearTimeout(this.later.get(field).timer);
      this.later.delete(field);
      act();
    };
    field.addEventListener("input", () => {
      clearTimeout(this.later.get(field)?.timer);
      this.later.set(field, { now, unit, timer: setTimeout(now, PAUSE) });
      this.marks();
    });
    field.addEventListener("change", now);
  }
  flush() {
    [...this.later.values()].forEach((each) => each.now());
  }
  choose(unit, values) {
    const current = this.current(unit);
    if (!unit.why && isSame(unit.items, current, values)) return this.marks();
    unit.why = "";
    this.box.put(unit.form, values); // what was still being typed when the room went on belongs to the form before
    this.send(performance.now());
  }

  // --- what is shown
  current(unit) {
    const waiting = this.box.of(unit.form, unit.items[0]);
    return waiting ? Object.fromEntries(waiting.answers.map(({ item, value }) => [item, value])) : this.saved;
  }
  /** The answers as the store has them, except where this person's own are on their way or being typed. */
  fill() {
    const mine = this.model.get("mine") ?? {};
    for (const unit of this.units) {
      const isOther = !isSame(unit.items, mine, this.saved);
      for (const item of unit.items) this.saved[item] = mine[item];
      if (this.isTyping(unit) || unit.isDraft) continue;
      const current = this.current(unit);
      const wasChanged = this.page().scope !== "person";
      if (isOther && current === this.saved) Object.assign(unit, { why: "", wasChanged });
      if (!unit.why && !isSame(unit.items, unit.read(), current)) unit.show(current); // else a blank being typed goes
    }
    this.marks();
  }
  /** Is there something that waits nowhere yet? Points that do not add up are kept only on the page. */
  isUnfinished() {
    return this.units.some((unit) => unit.isDraft);
  }
  isTyping(unit) {
    return [...this.later.values()].some((each) => each.unit === unit);
  }
  marks() {
    if (!this.units) return;
    const said = { saved: 0, open: 0 };
    for (const unit of this.units) {
      const key = this.stateOf(unit), isAnswered = unit.items.some((item) => (this.current(unit)[item] ?? "") !== "");
      if (isAnswered && !unit.why) said.saved += 1;
      if (!["", "saved", "changed"].includes(key)) said.open += 1;
      const words = key ? this.say(key, { why: unit.why }) : "";
      if (unit.mark.textContent !== words) unit.mark.textContent = words;
      unit.mark.dataset.state = key;
      if (unit.remove) unit.remove.hidden = !isAnswered || !this.isOpen();
    }
    for (const entry of this.box.waiting.values()) said.open += entry.form === this.page().form ? 0 : 1;
    const isOnesOwn = this.page().scope === "person"; // a board need not be full
    const count = isOnesOwn ? this.say("progress", { done: said.saved, all: this.units.length }) : "";
    const open = this.say(said.open ? "unsaved" : said.saved ? "all_saved" : "none", { n: said.open });
    const words = this.units.length || said.open ? [count, open].filter(Boolean).join(" ") : "";
    if (this.status.textContent !== words) this.status.textContent = words;
  }
  stateOf(unit) {
    if (this.isTyping(unit)) return "typing";
    const waiting = this.box.of(unit.form, unit.items[0]);
    if (waiting && this.room().phase === "closed") return "lost";
    const isSoon = ["new", "good"].includes(this.link?.state) && performance.now() - waiting?.since < AGAIN;
    if (waiting) return isSoon ? "saving" : "waiting";
    if (unit.why) return "refused";
    if (unit.isDraft) return "draft";
    if (unit.wasChanged) return "changed";
    return unit.items.some((item) => (this.saved[item] ?? "") !== "") ? "saved" : "";
  }
  phase() {
    const phase = this.room().phase ?? "answering";
    for (const field of this.body.elements) field.disabled = phase !== "answering";
    const words = phase === "answering" ? "" : this.say(`phase_${phase}`);
    if (this.notice.textContent !== words) this.live.textContent = this.notice.textContent = words;
    this.notice.hidden = !words;
    this.countdown();
    this.marks();
  }
  countdown() {
    const until = this.isOpen() ? this.room().until : null;
    const left = this.secondsTo(until), time = clockTime(left);
    this.left.textContent = until ? (left ? this.say("left", { time }) : this.say("time_over")) : "";
  }

  // --- the next person at this screen
  async next() {
    this.flush();
    if (this.box.waiting.size && !confirm(this.say("leave_unsaved"))) return;
    if (this.local()) return this.tell({ next: true });
    this.box.clear();
    try {
      await fetch("/leave", { method: "POST" });
    } catch {} // the server is away: the page that follows says so
    location.replace("/?kiosk"); // not in the history: going back shows nobody's answers
  }
  /** Where there is no room (JupyterLab): which form, and who answers it. */
  bar() {
    const local = this.local();
    if (!local) return;
    const select = (name, options, isFixed) => {
      const choices = Object.entries(options).map(([value, text]) => make("option", { value }, text));
      const tell = () => this.tell({ local: { [name]: field.value } });
      const field = make("select", { id: `alignlib-q${++drawn}`, disabled: isFixed, onchange: tell }, ...choices);
      field.value = local[name];
      return make("div", {}, make("label", { for: field.id }, this.say(name)), field);
    };
    this.head.className = "alignlib-local";
    this.head.replaceChildren(
      select("role", { "": this.say("no_role"), staff: this.say("staff"), leader: this.say("leader") }, !!local.team),
      select("team", { "": this.say("choose"), ...local.teams }, !!local.team), // begins
      select("form", local.forms, false),
    );
  }
}

/** Is this a screen that many people use, one after another? Kept for the tab, so that a reload does not forget it. */
function kiosk() {
  try {
    if (new URLSearchParams(location.search).has("kiosk")) sessionStorage.setItem("alignlib:kiosk", "1");
    return sessionStorage.getItem("alignlib:kiosk") === "1";
  } catch {
    return new URLSearchParams(location.search).has("kiosk");
  }
}

/** Do two lots of answers say the same to these items? What is not there is an empty answer. */
function isSame(items, one, other) {
  return items.every((item) => (one[item] ?? "") === (other[item] ?? ""));
}
