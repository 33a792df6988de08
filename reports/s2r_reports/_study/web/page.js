"use strict";
// One page, two stores: the server's, which keeps answers and order, and the single file's own.
(() => {
  const byId = (id) => document.getElementById(id);
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));

  function trouble(text) {
    byId("trouble").textContent = text;
    byId("trouble").hidden = !text;
  }

  // --- the server: every request is repeated until it is answered; the server counts an answer once however often it comes
  function remote() {
    const base = location.pathname.replace(/\/+$/, "");
    async function call(path, options) {
      for (let pause = 500; ; pause = Math.min(pause * 2, 8000)) {
        let reply = null;
        try {
          reply = await fetch(base + path, { cache: "no-store", signal: AbortSignal.timeout(15000), ...options });
          if (reply.status < 500) {
            const said = await reply.json();
            trouble("");
            return { status: reply.status, said };
          }
        } catch (wrong) { /* no connection, or no answer in time */ }
        trouble("The study cannot be reached at the moment. Trying again; nothing is lost.");
        await wait(pause);
      }
    }
    return {
      image: (id) => `${base}/images/${id}.png`,
      async cloud(id) {
        const reply = await fetch(`${base}/clouds/${id}.bin`, { signal: AbortSignal.timeout(60000) });
        if (!reply.ok) throw new Error("There is no such cloud");
        return reply.arrayBuffer();
      },
      async state() {
        const { status, said } = await call("/state");
        if (status !== 200) throw new Error(said.error);
        return said;
      },
      async answer(sample, picked, seconds) {
        const body = JSON.stringify({ sample, picked, seconds });
        const { status, said } = await call("/answers", {
          method: "POST", headers: { "Content-Type": "application/json" }, body });
        // answered in another tab: the server says where this participant really is
        if (status === 409 && said.state) return said.state;
        if (status !== 200) throw new Error(said.error);
        return said;
      },
      finish() { byId("done-text").textContent = "Your answers are saved. You can close this page."; },
    };
  }

  // --- the single file: order drawn here, answers kept in the browser until they are saved as a file
  function local(study) {
    const slot = `s2r-study-${study.study}`;
    const random = (bound) => crypto.getRandomValues(new Uint32Array(1))[0] % bound;
    function begun() {
      const order = [...study.samples];
      for (let i = order.length - 1; i > 0; i--) {
        const j = random(i + 1);
        [order[i], order[j]] = [order[j], order[i]];
      }
      const token = [...crypto.getRandomValues(new Uint8Array(8))].map((b) => b.toString(16).padStart(2, "0")).join("");
      return { participant: `x${token}`, order, answers: [] };
    }
    function read() {
      try {
        const kept = JSON.parse(localStorage.getItem(slot));
        if (kept && Array.isArray(kept.order) && kept.order.length === study.samples.length) return kept;
      } catch (wrong) { /* no store in this browser: a reload then begins anew */ }
      return begun();
    }
    const kept = read();
    const known = { words: study.words, examples: study.examples, total: study.samples.length,
      width: study.width, height: study.height, show: study.show };
    const now = () => ({ ...known, answered: kept.answers.length,
      next: kept.order[kept.answers.length] ?? null, after: null });
    function write() {
      try {
        localStorage.setItem(slot, JSON.stringify(kept));
        trouble("");
      } catch (wrong) {
        trouble("This browser keeps nothing: please finish without reloading the page.");
      }
    }
    return {
      image: (id) => `data:image/png;base64,${study.images[id]}`,
      async cloud(id) { return Uint8Array.from(atob(study.clouds[id]), (letter) => letter.charCodeAt(0)).buffer; },
      async state() { write(); return now(); },
      async answer(sample, picked, seconds) {
        const position = kept.answers.length;
        kept.answers.push({ sample, picked, seconds, position, at: new Date().toISOString() });
        write();
        return now();
      },
      finish() {
        const { participant, answers } = kept;
        const text = JSON.stringify({ kind: study.kind, schema: 1, study: study.study, participant, answers }, null, 1);
        const link = byId("save");
        link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
        link.download = `answers-${participant}.json`;
        link.hidden = false;
        byId("done-text").textContent = "Please save your answers as a file, and send it to whoever asked you to take part.";
      },
    };
  }

  const inline = byId("study");
  const source = inline ? local(JSON.parse(inline.textContent)) : remote();
  let state = null, shownAt = 0, busy = true;

  const turns = () => state.show === "clouds" && Clouds; // else, and where there is no WebGL, still pictures
  let turned = null; // the trial's cloud

  function cloud(id, text, group) {
    const frame = document.createElement("div"), canvas = document.createElement("canvas");
    frame.className = "cloud";
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `${text}: a cloud of points that can be turned`);
    frame.append(canvas);
    return { frame, loaded: source.cloud(id).then((data) => { group.add(canvas, data); group.ask(); }) };
  }

  function picture(id, text, group) {
    if (group) return cloud(id, text, group);
    const frame = document.createElement("div"), fused = state.show === "clouds";
    frame.className = "picture";
    const loaded = [];
    for (let side = 0; side < 2; side++) {
      const half = document.createElement("div"), image = document.createElement("img");
      const what = fused ? `from ${side ? "the left" : "the right"}` : side ? "its points, seen from the side" : "distance in colours";
      half.className = "half";
      image.alt = `${text}: ${what}`;
      image.width = state.width;
      image.height = state.height;
      image.src = source.image(id);
      loaded.push(image.decode());
      half.append(image);
      frame.append(half);
    }
    return { frame, loaded: Promise.all(loaded) };
  }

  function show(section, title) {
    for (const id of ["intro", "trial", "done"]) byId(id).hidden = id !== section;
    byId(title).focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }

  function intro() {
    byId("told").textContent = state.words.told;
    byId("total").textContent = state.total;
    byId("of-views").hidden = state.show === "clouds";
    byId("of-stills").hidden = state.show !== "clouds" || turns();
    byId("of-clouds").hidden = !turns();
    for (const [clean, captured] of state.examples) {
      const pair = document.createElement("div"), group = turns() ? new Clouds.Group() : null;
      pair.className = "pair";
      if (group) {
        pair.tabIndex = 0;
        pair.setAttribute("role", "group");
        pair.setAttribute("aria-label", "Clean and captured; arrow keys turn both, plus and minus zoom, 0 puts them back");
        pair.addEventListener("keydown", (event) => group.key(event));
      }
      for (const [id, text] of [[clean, "Clean"], [captured, state.words.reference]]) {
        const figure = document.createElement("figure"), caption = document.createElement("figcaption");
        caption.textContent = text;
        const made = picture(id, text, group);
        made.loaded.catch(() => trouble("A picture could not be loaded. Please reload the page."));
        figure.append(caption, made.frame);
        pair.append(figure);
      }
      byId("examples").append(pair);
    }
    show("intro", "intro-title");
  }

  async function trial() {
    const { words, answered, total } = state;
    byId("question").textContent = words.question;
    byId("count").textContent = `${answered + 1} of ${total}`;
    byId("bar").value = answered / total;
    for (const [id, text, key] of [["yes", words.yes, words.yes_key], ["no", words.no, words.no_key]]) {
      byId(id).disabled = true;
      byId(id).querySelector("span").textContent = text;
      byId(id).querySelector("kbd").textContent = key.toUpperCase();
    }
    if (byId("trial").hidden) show("trial", "question");
    let again = false;
    for (let pause = 500; ; pause = Math.min(pause * 2, 8000)) {
      turned?.free();
      turned = turns() ? new Clouds.Group() : null;
      const { frame, loaded } = picture(state.next, `Sample ${answered + 1}`, turned);
      byId("shown").replaceChildren(frame);
      try { await loaded; break; } catch (wrong) {
        again = true;
        trouble("The picture cannot be loaded at the moment. Trying again; nothing is lost.");
        await wait(pause);
      }
    }
    if (again) trouble("");
    if (state.after && turned) source.cloud(state.after).catch(() => {}); // so that the browser has it already
    else if (state.after) new Image().src = source.image(state.after);
    byId("yes").disabled = byId("no").disabled = busy = false;
    shownAt = performance.now();
  }

  function next() {
    if (state.next) return trial();
    source.finish();
    show("done", "done-title");
  }

  async function pick(picked) {
    if (busy) return;
    busy = true;
    const held = document.activeElement;
    byId("yes").disabled = byId("no").disabled = true;
    const seconds = Math.min((performance.now() - shownAt) / 1000, 86400);
    try {
      state = await source.answer(state.next, picked, Math.round(seconds * 1000) / 1000);
    } catch (wrong) {
      trouble(`${wrong.message}. Please reload the page.`);
      return;
    }
    await next();
    if (held === byId("yes") || held === byId("no")) held.focus(); // who answers by Tab and Enter stays where they were
  }

  byId("start").addEventListener("click", next);
  byId("yes").addEventListener("click", () => pick(true));
  byId("no").addEventListener("click", () => pick(false));
  document.addEventListener("keydown", (event) => {
    if (byId("trial").hidden || turned?.key(event)) return;
    if (event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
    const key = event.key.toLowerCase();
    if (key === state.words.yes_key) pick(true);
    if (key === state.words.no_key) pick(false);
  });

  source.state().then((found) => {
    state = found;
    if (!state.answered && state.next) intro(); else next();
  }).catch((wrong) => trouble(wrong.message));
})();
