// The facilitator's wall. Read after link.js, as one module. The one thing that comes as markup are the views of
// results, made by the kit's own templates: they go into a shadow root, without anything that could run.
const LIVE = 60; // seconds between two words about the time left
const STYLE = `div { max-width: none !important; } img { width: 100%; max-width: 1100px; height: auto; }
  h3 { font-size: 28px; line-height: 1.25; } table { border-collapse: collapse; overflow-wrap: normal; } td { border-top: 1px solid #cfcbc2; }
  :is(th, td) { padding: 6px 14px 6px 0; vertical-align: top; }
  @media (max-width: 900px) { h3 { font-size: 22px; } table { min-width: 640px; } }`;

export default {
  render({ model, el }) {
    const wall = new Wall(model, el);
    return () => wall.end();
  },
};

class Wall extends Page {
  constructor(model, el) {
    super(model, el);
    Object.assign(this, { at: 0, told: null });
    this.title = make("h1", { tabIndex: -1, dir: "auto" });
    this.phase = make("p", { className: "alignlib-quiet" });
    this.left = make("p", { className: "alignlib-clock" });
    this.place = make("p", { className: "alignlib-place", hidden: true });
    this.table = make("table", { className: "alignlib-people" });
    this.promise = make("p", { className: "alignlib-quiet" }, this.say("promise"));
    this.waiting = make("section", { "aria-label": this.say("room") }, this.place, this.table, this.promise);
    this.results = make("section", { "aria-label": this.say("results"), hidden: true });
    const head = make("header", { className: "alignlib-head" }, make("div", {}, this.title, this.phase), this.left);
    this.after = make("section", { className: "alignlib-after", "aria-label": this.say("next_steps"), hidden: true });
    const main = make("div", {}, head, this.waiting, this.after, this.results);
    this.word = make("p", { className: "alignlib-word", role: "status" }); // stays in sight, wherever the page stands
    const root = make("section", { className: "alignlib-form alignlib-wall", "aria-label": this.say("label") },
      make("div", { className: "alignlib-room" }, main, this.controls = this.panel()), this.word,
      this.dialog = make("dialog", { "aria-labelledby": "alignlib-ask" }), this.live);
    this.begin(root, {
      "change:view": () => this.draw(), "change:picture": () => this.draw(), "change:shown": () => this.show(),
    });
    this.draw();
    this.show();
    this.link = new Link(this);
    if (this.view().code) this.tell({ at: location.origin }); // only the page knows by which address it was reached
  }
  view() {
    return this.model.get("view") ?? {};
  }

  // --- to the kernel and back; the link asks the first four of these
  send() {
    this.countdown();
  }
  marks() {}
  local() {
    return this.view().is_local;
  }
  isUnfinished() {
    return this.dialog.open;
  }
  hear(said) {
    if (said.said) {
      const word = this.asked === "what_if" && this.brings?.isConnected ? this.brings : this.word;
      word.replaceChildren(...told(said.said));
      word.dataset.fault = said.is_fault ? "yes" : "";
    }
    if (said.pong !== undefined) this.link.pong(said);
  }
  act(name, given = {}) {
    this.word.textContent = "";
    this.asked = name;
    this.tell({ do: name, ...given });
  }
  /** Does it after asking once more; of the two answers the harmless one comes first. */
  ask(key, act) {
    const said = make("p", { id: "alignlib-ask" }, this.say(`ask_${key}`, { title: this.view().title }));
    const no = make("button", { type: "button", onclick: () => this.dialog.close() }, this.say("no"));
    const yes = make("button", { type: "button", onclick: () => (this.dialog.close(), act()) }, this.say(`yes_${key}`));
    this.dialog.replaceChildren(said, make("div", { className: "alignlib-buttons" }, no, yes));
    this.dialog.showModal();
  }

  // --- what the facilitator has at hand
  panel() {
    const button = (key, act) => (this[`on_${key}`] = make("button", { type: "button", onclick: act }, this.say(key)));
    const form = () => ({ form: this.view().form });
    const asked = (key) => button(key, () => this.ask(key, () => this.act(key, form())));
    const twice = () => this.ask("close", () => setTimeout(() => this.ask("sure", () => this.act("close"))));
    this.choice = make("select", { id: "alignlib-choice" });
    this.minutes = make("input", { id: "alignlib-minutes", type: "number", min: 1, max: 480, step: 1 });
    this.minutes.addEventListener("input", () => (this.isTyped = true));
    const start = () => {
      if (!this.minutes.reportValidity()) return;
      this.isTyped = false;
      this.act("timer", { seconds: Number(this.minutes.value) * 60 });
    };
    const group = (key, ...inside) => make("div", { role: "group", "aria-label": this.say(`group_${key}`) }, ...inside);
    return make("aside", { className: "alignlib-panel", "aria-label": this.say("panel") },
      group("form", make("label", { for: "alignlib-choice" }, this.say("choice")), this.choice,
        button("show_form", () => this.act("show_form", { form: this.choice.value }))),
      group("time", make("label", { for: "alignlib-minutes" }, this.say("minutes")), this.minutes,
        button("timer", start), button("no_timer", () => this.act("timer", { seconds: 0 }))),
      group("results", asked("reveal"), button("docket", () => this.act("docket")),
        button("reopen", () => this.act("reopen", form()))),
      group("clear", asked("reset"), button("undo", () => this.act("undo"))),
      group("end", button("snapshot", () => this.act("snapshot")), button("close", twice)));
  }
  /** What the room does now. Controls stay where they are, so that focus is never lost. */
  draw() {
    const { form, phase, titles = {}, busy, people = [], is_shown } = this.view(), isClosed = phase === "closed";
    const names = Object.keys(titles);
    if (names.join("\n") !== [...this.choice.options].map((option) => option.value).join("\n")) {
      this.choice.replaceChildren(...names.map((value) => make("option", { value }, titles[value])));
    }
    if (form !== this.form) {
      Object.assign(this, { form, told: null });
      this.choice.value = form;
      if (!this.isTyped) this.minutes.value = this.view().minutes ?? 10; // typed while the form was on its way: it counts
      this.isTyped = false;
    }
    this.title.textContent = isClosed ? this.say("end") : this.view().title ?? "";
    this.phase.textContent = this.say(busy ? `busy_${busy}` : isClosed ? "phase_closed" : `phase_${phase}`);
    const { code } = this.view();
    this.place.hidden = !code || isClosed;
    const src = this.model.get("picture"), picture = src ? [make("img", { src, alt: this.say("picture") })] : [];
    if (code) this.place.replaceChildren(...picture, make("span", {}, location.origin), make("strong", {}, code));
    this.count(people);
    this.waiting.hidden = is_shown || isClosed;
    this.results.hidden = isClosed ? !this.results.firstChild : !is_shown;
    this.controls.hidden = isClosed;
    this.after.hidden = !isClosed;
    if (isClosed && !this.after.firstChild) this.after.replaceChildren(...this.next());
    const off = (key, isOff, isGone = false) => Object.assign(this[`on_${key}`], { disabled: isOff, hidden: isGone });
    const isOff = Boolean(busy) || isClosed;
    for (const key of ["show_form", "reset", "undo", "close", "timer", "no_timer"]) off(key, isOff);
    off("reveal", isOff, is_shown);
    off("reopen", isOff, phase !== "revealed");
    off("docket", isOff, !this.view().can_docket);
    off("snapshot", isOff, !this.view().can_snapshot);
    this.choice.disabled = this.minutes.disabled = isOff;
    this.countdown();
  }
  /** What stands once the workshop is closed, and what to do next. Where there is no folder, there is no command. */
  next() {
    const { folder, is_local } = this.view(), keys = ["kept", ...(folder ? ["audit", "export"] : [])];
    if (!is_local) keys.push("stop");
    return keys.map((key) => make("p", {}, ...told(this.say(`closed_${key}`, { folder }))));
  }
  count(people) {
    const heads = ["team", "joined", "answered", "finished"].filter((name) => people.some((row) => row[name]));
    const says = this.view().scope === "person" ? (name) => `head_${name}` : (name) => (name === "answered"
      ? "head_filled" : `head_${name}`);
    const cell = (row, name) => name === "team" ? make("th", { scope: "row" }, row.team) : make("td", {}, row[name]);
    this.table.replaceChildren(
      make("caption", { className: "alignlib-hidden" }, this.say("room")),
      make("thead", {}, make("tr", {}, ...heads.map((name) => make("th", { scope: "col" }, this.say(says(name)))))),
      make("tbody", {}, ...people.map((row) => make("tr", {}, ...heads.map((name) => cell(row, name))))),
    );
  }
  countdown() {
    const { until, phase } = this.view();
    this.left.hidden = !until || phase !== "answering";
    if (this.left.hidden) {
      if (this.told !== null) this.live.textContent = "";
      return (this.told = null);
    }
    const seconds = this.secondsTo(until), minute = Math.ceil(seconds / LIVE);
    this.left.textContent = clockTime(seconds);
    this.left.dataset.over = seconds ? "" : "yes";
    if (minute === this.told) return;
    this.told = minute;
    this.live.textContent = seconds ? this.say("left", { minute }) : this.say("time_over");
  }

  // --- what was revealed
  show() {
    const { form, views = [], audit = [], complaints = [], steps = [] } = this.model.get("shown") ?? {};
    if (!form) {
      if (this.view().phase !== "closed") this.results.replaceChildren();
      return;
    }
    this.views = [...views, ...(complaints.length ? [{ title: this.say("complaints"), complaints }] : []), ...audit,
      ...(steps.length ? [{ title: this.say("what_if"), steps }] : [])];
    this.at = complaints.length ? views.length : 0; // what has just been asked for
    const named = { role: "region", "aria-label": this.say("which"), tabIndex: 0 }; // it may be wider than the screen
    const host = make("div", { className: "alignlib-view", ...named });
    this.root = host.attachShadow({ mode: "open" });
    this.list = make("select", { id: "alignlib-view", onchange: () => this.turn(this.list.selectedIndex) },
      ...this.views.map(({ title }) => make("option", {}, title)));
    const step = (key, by) => make("button", { type: "button", onclick: () => this.turn(this.at + by) }, this.say(key));
    [this.back, this.on] = [step("before", -1), step("after", 1)];
    const bar = make("div", { className: "alignlib-turn" }, make("label", { for: "alignlib-view" }, this.say("which")),
      this.list, this.back, this.on);
    this.folded = make("div");
    const head = make("h2", { className: "alignlib-hidden" }, this.say("results"));
    this.results.replaceChildren(head, bar, this.folded, this.host = host);
    this.turn(this.at);
  }
  docket(complaints) {
    const folded = complaints.map(({ title, verdict, lines }) => make("details", {},
      make("summary", { dir: "auto" }, title), make("p", { className: "alignlib-verdict" }, verdict),
      ...lines.map((line) => make("p", { dir: "auto" }, line))));
    return [make("h2", {}, this.say("complaints")), ...folded];
  }
  /** Sliders over the client's own funnel; what it would bring is worked out by the audit's own model. */
  funnel(steps) {
    const sliders = steps.flatMap(({ step, label, rate, days }) => [
      this.slider(step, "rates", this.say("rate", { label }), { min: 0, max: 100, value: rate }, 100),
      this.slider(step, "days", this.say("days", { label }), { min: -days, max: 90, value: 0 }, 1),
    ]);
    const tell = () => {
      const given = { rates: {}, days: {} };
      for (const { field, kind, step, by } of sliders) {
        if (field.value !== field.defaultValue) given[kind][step] = Number(field.value) / by;
      }
      this.act("what_if", { form: this.view().form, ...given });
    };
    for (const each of sliders) each.field.addEventListener("change", tell);
    const again = () => {
      for (const { field, shown } of sliders) shown.textContent = field.value = field.defaultValue;
      tell();
    };
    this.brings = make("p", { className: "alignlib-word alignlib-brings", role: "status" });
    return [make("h2", {}, this.say("what_if")), this.brings, ...sliders.map(({ row }) => row),
      make("button", { type: "button", onclick: again }, this.say("as_is")),
      make("p", { className: "alignlib-quiet" }, this.say("plan"))];
  }
  slider(step, kind, label, { min, max, value }, by) {
    const id = `alignlib-${kind}-${step}`, shown = make("output", { for: id }, String(value));
    const field = make("input", { id, type: "range", min, max, step: 1 });
    field.setAttribute("value", value); // the value it goes back to
    field.addEventListener("input", () => (shown.textContent = field.value));
    return { step, kind, by, field, shown, row: make("div", { className: "alignlib-slide" },
      make("label", { for: id, dir: "auto" }, label), field, shown) };
  }
  turn(at) {
    this.at = Math.max(0, Math.min(at, this.views.length - 1));
    this.list.selectedIndex = this.at;
    this.back.disabled = this.at === 0;
    this.on.disabled = this.at === this.views.length - 1;
    this.word.textContent = ""; // what was said of the view before
    const { html, complaints, steps } = this.views[this.at] ?? {};
    this.host.hidden = !html;
    this.root.replaceChildren(make("style", {}, STYLE), ...inert(html ?? ""));
    this.folded.replaceChildren(...(complaints ? this.docket(complaints) : steps ? this.funnel(steps) : []));
  }
}

/** A sentence, what stands in `backticks` as code: a word of a command, as --out, is never broken in two. */
function told(text) {
  return text.split("`").map((part, at) => at % 2
    ? make("code", {}, ...part.split(/( )/).map((word) => (word.trim() ? make("span", {}, word) : word))) : part);
}

/** The elements of a view, parsed where nothing runs, without anything that could run here. */
function inert(html) {
  const { body } = new DOMParser().parseFromString(html, "text/html");
  for (const each of body.querySelectorAll("script, style, link, meta, base, iframe, object, embed, form")) each.remove();
  for (const each of body.querySelectorAll("*")) {
    for (const { name, value } of [...each.attributes]) {
      const isAway = ["src", "href", "xlink:href"].includes(name) && !/^data:image\//.test(value);
      if (name.startsWith("on") || isAway) each.removeAttribute(name);
    }
  }
  return [...body.childNodes];
}
