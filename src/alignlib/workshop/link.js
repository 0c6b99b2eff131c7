// What a form and the wall share: words, elements, and the link to the kernel. Answers wait here until they are
// acknowledged, and silence is told. Read before form.js or wall.js, as one module.
// Whatever comes from pages and answers is set as text, never as markup.
const TICK = 500, PING = 2000, AGAIN = 2000; // ms
const SILENCE = 4000; // without a word from the kernel for so long the page says so
const DEAD = 8000; // and after so long, when the server is there, the kernel is not: the page loads itself anew
const RELOAD_EVERY = 15000;

/** An element: its properties (those with "-" are attributes), then what stands in it: elements, or words as text. */
function make(tag, given = {}, ...inside) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (name.includes("-") || name === "role" || name === "for") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...inside.filter((each) => each !== "" && each !== null));
  return made;
}

/** 128 random bits as text. crypto.randomUUID is missing where a page came over plain http. */
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** What was chosen and not yet acknowledged, in the order of the choices; kept in this browser where it allows it. */
class Outbox {
  constructor(seat) {
    this.prefix = `alignlib:${seat}:`;
    this.waiting = new Map(); // "form\nfirst item" -> {form, answers: [{id, form, item, value}], since, sent}
    this.isBlocked = false;
    this.keep(() => {
      localStorage.setItem(`${this.prefix}?`, "");
      localStorage.removeItem(`${this.prefix}?`);
      this.keys().forEach((key) => JSON.parse(localStorage.getItem(key)).forEach((answers) => this.hold(answers)));
    });
  }
  keep(act) {
    try {
      act();
    } catch {
      this.isBlocked = true;
    }
  }
  keys() {
    return Object.keys(localStorage).filter((key) => key.startsWith(this.prefix));
  }
  hold(answers, since = -Infinity) {
    const key = `${answers[0].form}\n${answers[0].item}`;
    this.waiting.delete(key); // a correction goes to the end: answers are sent in the order in which they were given
    this.waiting.set(key, { form: answers[0].form, answers, since, sent: 0 });
  }
  put(form, values) {
    const answers = Object.entries(values).map(([item, value]) => ({ id: newId(), form, item, value }));
    this.hold(answers, performance.now());
    this.write(form);
  }
  of(form, item) {
    for (const entry of this.waiting.values()) {
      if (entry.form === form && entry.answers.some((answer) => answer.item === item)) return entry;
    }
    return null;
  }
  /** Takes out the choice that these ids answered, whole; nothing for one that was corrected meanwhile. */
  settle(ids) {
    const done = [];
    for (const [key, entry] of this.waiting) {
      if (entry.answers.every((answer) => ids.has(answer.id))) {
        this.waiting.delete(key);
        this.write(entry.form);
        done.push(entry);
      }
    }
    return done;
  }
  write(form) {
    const left = [...this.waiting.values()].filter((entry) => entry.form === form).map((entry) => entry.answers);
    this.keep(() => {
      if (left.length) localStorage.setItem(this.prefix + form, JSON.stringify(left));
      else localStorage.removeItem(this.prefix + form);
    });
  }
  clear() {
    this.waiting.clear();
    this.keep(() => this.keys().forEach((key) => localStorage.removeItem(key)));
  }
}

/** One page of the workshop before its reader: what the kernel says and changes is acted on until the page ends. */
class Page {
  constructor(model, el) {
    Object.assign(this, { model, el, clock: 0 }); // clock: seconds by which the server is ahead
    this.live = make("p", { className: "alignlib-hidden", role: "status" });
  }
  begin(root, changes) {
    root.dataset.lmSuppressShortcuts = "true"; // JupyterLab would take letters typed here for its own commands
    this.el.replaceChildren(root);
    this.changes = { "msg:custom": (said) => this.hear(said), ...changes };
    for (const [name, act] of Object.entries(this.changes)) this.model.on(name, act);
  }
  end() {
    this.link.end();
    for (const [name, act] of Object.entries(this.changes)) this.model.off(name, act);
  }
  say(key, given = {}) {
    return (this.model.get("words")[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => given[name]);
  }
  tell(message) {
    try {
      this.model.send(message);
    } catch {} // a socket that is closed: the link says so
  }
  secondsTo(until) {
    return Math.max(0, Math.ceil(until - this.clock - Date.now() / 1000));
  }
}

/** 75 seconds are 1:15. */
function clockTime(seconds) {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** Is the kernel there? Asks it every two seconds, says in a banner when it is silent, and loads the page anew. */
class Link {
  constructor(page) {
    Object.assign(this, { page, heard: performance.now(), beat: performance.now(), asked: 0, probed: 0, n: 0 });
    this.patience = DEAD + Math.random() * 4000;
    this.state = "new"; // "new" until the first word; "good"; "away", "gone": what the kernel says; "silent"
    this.banner = make("div", { className: "alignlib-banner", role: "alert" });
    document.body.append(this.banner); // of the window: seen wherever the page in it stands
    this.timer = setInterval(() => this.tick(), TICK);
  }
  end() {
    clearInterval(this.timer);
    this.banner.remove();
  }
  pong(said) {
    this.heard = performance.now();
    this.alive = true;
    this.page.clock = said.now - Date.now() / 1000;
    this.set(said.gone ? "gone" : said.away ? "away" : "good");
    if (this.state !== "good") this.warn(this.state);
  }
  set(state) {
    if (state === this.state) return;
    this.state = state;
    if (state === "good" || state === "new") this.banner.replaceChildren();
    this.page.marks();
  }
  tick() {
    const now = performance.now();
    if (now - this.beat > 3000) this.heard = now; // the device slept, not the kernel
    this.beat = now;
    if (now - this.asked >= PING) {
      this.asked = now;
      this.page.tell({ ping: ++this.n });
    }
    this.page.send(now);
    if (now - this.heard >= SILENCE) this.silent(now);
  }
  async silent(now) {
    this.set("silent");
    if (this.page.local()) return this.warn("kernel");
    if (now - this.probed < PING) return;
    this.probed = now;
    if (!this.banner.firstChild) this.warn("offline");
    let status = 0;
    try {
      const here = `/here?kernel=${document.body.dataset.kernel ?? ""}`;
      status = (await fetch(here, { cache: "no-store", signal: AbortSignal.timeout(PING) })).status;
    } catch {} // the server is away
    if (this.state !== "silent") return;
    if (status === 409) return this.elsewhere();
    const isDead = status === 204 && now - this.heard > DEAD; // before that it may only be busy
    this.warn(isDead ? "reload" : status === 401 ? "gone" : "offline");
    // Not all at once; and only a kernel that was there once: a slow start becomes no faster by a second one.
    if (isDead && this.alive && !this.page.isUnfinished() && now - this.heard > this.patience) this.reload();
  }
  /** This seat was opened in another tab, which ended our kernel: two pages of one seat would take it in turns. */
  elsewhere() {
    this.warn("elsewhere");
    this.page.el.inert = true; // what is chosen here would wait for a kernel that never comes
    clearInterval(this.timer);
  }
  reload() {
    try {
      if (Date.now() - Number(sessionStorage.getItem("alignlib:reloaded")) < RELOAD_EVERY) return;
      sessionStorage.setItem("alignlib:reloaded", String(Date.now()));
    } catch {
      return; // what cannot be remembered could go round for ever; the button is there
    }
    location.reload();
  }
  warn(key) {
    if (this.banner.firstChild?.dataset.key === key) return;
    const says = make("p", {}, this.page.say(`link_${key}`));
    says.dataset.key = key;
    const named = { reload: "reload", elsewhere: "use_here" }[key];
    const button = named && make("button", { type: "button", onclick: () => location.reload() }, this.page.say(named));
    const join = make("a", { href: "/" }, this.page.say("join"));
    this.banner.replaceChildren(says, ...(button ? [button] : key === "gone" ? [join] : []));
  }
}
