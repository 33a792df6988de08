// Linked 3-D views: one WebGL context for the page draws every pane of a figure into its own cell, and each pane's
// canvas gets a copy of its cell. So any number of panes works, scrolls and prints like a picture.
(() => {
  "use strict";
  const STEP_DEG = 6, FIELD_DEG = 30, LIMIT_DEG = 89;
  const LEAST_PX = 200; // of a pane's width, where there is room for more than two
  const figures = [...document.querySelectorAll("figure.scene")];
  if (!figures.length) return;

  const board = document.createElement("canvas");
  const context = board.getContext("webgl2", { antialias: true, alpha: true, premultipliedAlpha: true });
  if (!context) return; // the still pictures stay

  const renderer = new THREE.WebGLRenderer({ canvas: board, context, antialias: true, alpha: true });
  renderer.setClearColor(0, 0);
  renderer.setScissorTest(true);
  const camera = new THREE.PerspectiveCamera(FIELD_DEG, 1, 0.01, 100);
  const RAMP = [[0.92, 0.76, 0.12], [0.48, 0.82, 0.32], [0.13, 0.66, 0.52], [0.16, 0.47, 0.56], [0.25, 0.28, 0.54]];

  const bytes = (key) => Uint8Array.from(atob(document.getElementById("blob-" + key).textContent), (c) => c.charCodeAt(0));

  function placed(pane, item) {
    const whole = new Uint16Array(bytes(pane.at).buffer), at = new Float32Array(whole.length);
    for (let i = 0; i < whole.length; i++) {
      at[i] = (pane.low[i % 3] + whole[i] * pane.step - item.middle[i % 3]) / item.reach;
    }
    return at;
  }

  function colours(pane, at) { // of the file, or by distance from the first side: near is light
    const found = new Float32Array(at.length);
    if (pane.colour) {
      const raw = bytes(pane.colour);
      for (let i = 0; i < raw.length; i++) found[i] = Math.pow(raw[i] / 255, 2.2);
      return found;
    }
    for (let i = 0; i < at.length; i += 3) {
      const place = Math.min(0.999, Math.max(0, (1 - at[i + 2]) / 2)) * (RAMP.length - 1);
      const below = Math.floor(place), share = place - below;
      for (let c = 0; c < 3; c++) {
        found[i + c] = Math.pow(RAMP[below][c] * (1 - share) + RAMP[below + 1][c] * share, 2.2);
      }
    }
    return found;
  }

  function built(pane, item) {
    const scene = new THREE.Scene();
    if (!pane.at) return scene;
    const at = placed(pane, item), shape = new THREE.BufferGeometry();
    shape.setAttribute("position", new THREE.BufferAttribute(at, 3));
    if (pane.faces) {
      const raw = bytes(pane.faces).buffer;
      const index = at.length / 3 <= 65535 ? new Uint16Array(raw) : new Uint32Array(raw);
      shape.setIndex(new THREE.BufferAttribute(index, 1));
      shape.computeVertexNormals();
      scene.add(new THREE.Mesh(shape, new THREE.MeshLambertMaterial({ color: 0x7fa6cf, side: THREE.DoubleSide })));
      scene.add(new THREE.HemisphereLight(0xffffff, 0x707880, 1.6));
      const sun = new THREE.DirectionalLight(0xffffff, 1.9);
      sun.position.set(0.5, 1, 0.9);
      scene.add(sun);
    } else {
      shape.setAttribute("color", new THREE.BufferAttribute(colours(pane, at), 3));
      const cloud = new THREE.Points(shape, new THREE.PointsMaterial({ vertexColors: true }));
      cloud.userData.size = Math.min(0.05, 1.7 / Math.sqrt(at.length / 3)); // of a point, in the scene's unit
      scene.add(cloud);
    }
    return scene;
  }

  function freed(scene) {
    scene.traverse((part) => { part.geometry?.dispose(); part.material?.dispose(); });
  }

  class Viewer {
    constructor(figure) {
      this.data = JSON.parse(figure.querySelector(".scene-data").textContent);
      this.stage = figure.querySelector(".stage");
      this.grid = figure.querySelector(".panes");
      this.panes = [];
      this.near = false; // in or close to the window
      this.item = null;
      this.reset();
      this.chooser(figure.querySelector("select"));
      this.buttons(figure);
      this.pointer();
      this.stage.addEventListener("keydown", (event) => this.key(event));
      new IntersectionObserver(([seen]) => { this.near = seen.isIntersecting; this.ask(); }, { rootMargin: "300px" })
        .observe(this.stage);
      new ResizeObserver(() => { this.spread(); this.ask(); }).observe(this.grid);
    }

    spread() { // rows of equal length, as far as the number of panes allows
      const most = Math.max(2, Math.floor(this.grid.clientWidth / LEAST_PX)), rows = Math.ceil(this.panes.length / most);
      this.grid.style.setProperty("--across", Math.ceil(this.panes.length / rows));
    }

    reset() { [this.yaw, this.pitch] = this.data.turn; this.zoom = 1; }

    chooser(select) {
      for (const item of this.data.items) select.add(new Option(item.name));
      select.closest("label").hidden = this.data.items.length < 2;
      select.addEventListener("change", () => this.show(select.selectedIndex));
      this.show(0);
    }

    buttons(figure) {
      const acts = { in: () => this.closer(1.2), out: () => this.closer(1 / 1.2), reset: () => this.reset() };
      for (const [name, act] of Object.entries(acts)) {
        figure.querySelector(`[data-act=${name}]`).addEventListener("click", () => { act(); this.ask(); });
      }
      const spin = figure.querySelector("[data-act=spin]");
      spin.addEventListener("click", () => {
        this.spinning = !this.spinning;
        spin.setAttribute("aria-pressed", String(this.spinning));
        this.ask();
      });
    }

    show(place) {
      this.panes.forEach((pane) => pane.scene && freed(pane.scene));
      this.item = this.data.items[place];
      this.grid.replaceChildren();
      this.panes = this.item.panes.map((pane) => {
        const box = document.createElement("div"), canvas = document.createElement("canvas");
        const name = document.createElement("div"), note = document.createElement("span");
        box.className = "pane";
        name.className = "pane-name";
        name.textContent = pane.title + " ";
        note.textContent = (pane.note || "").replaceAll(" %", "\u00a0%");
        name.append(note);
        box.append(canvas, name);
        this.grid.append(box);
        return { pane, canvas, scene: null };
      });
      this.spread();
      this.ask();
    }

    pointer() {
      const held = new Map();
      let apart = 0;
      this.grid.addEventListener("pointerdown", (event) => {
        held.set(event.pointerId, [event.clientX, event.clientY]);
        this.grid.setPointerCapture(event.pointerId);
        this.stage.focus({ preventScroll: true });
      });
      this.grid.addEventListener("pointermove", (event) => {
        const last = held.get(event.pointerId);
        if (!last) return;
        held.set(event.pointerId, [event.clientX, event.clientY]);
        if (held.size === 2) {
          const [[ax, ay], [bx, by]] = [...held.values()], now = Math.hypot(ax - bx, ay - by);
          if (apart) this.closer(now / apart);
          apart = now;
        } else {
          this.turn((last[0] - event.clientX) * 0.5, (event.clientY - last[1]) * 0.5);
        }
        this.ask();
      });
      const let_go = (event) => { held.delete(event.pointerId); apart = 0; };
      this.grid.addEventListener("pointerup", let_go);
      this.grid.addEventListener("pointercancel", let_go);
      this.grid.addEventListener("dblclick", () => { this.reset(); this.ask(); });
      this.grid.addEventListener("wheel", (event) => {
        if (!event.ctrlKey) return; // a plain wheel scrolls the page
        event.preventDefault();
        this.closer(Math.exp(-event.deltaY * 0.003));
        this.ask();
      }, { passive: false });
    }

    key(event) {
      if (event.target !== this.stage || event.ctrlKey || event.metaKey || event.altKey) return;
      const moves = {
        ArrowLeft: () => this.turn(-STEP_DEG, 0), ArrowRight: () => this.turn(STEP_DEG, 0),
        ArrowUp: () => this.turn(0, STEP_DEG), ArrowDown: () => this.turn(0, -STEP_DEG),
        "+": () => this.closer(1.15), "=": () => this.closer(1.15), "-": () => this.closer(1 / 1.15),
        0: () => this.reset(), Home: () => this.reset(),
      };
      if (!moves[event.key]) return;
      event.preventDefault();
      moves[event.key]();
      this.ask();
    }

    turn(yaw, pitch) {
      this.yaw = (this.yaw + yaw) % 360;
      this.pitch = Math.max(-LIMIT_DEG, Math.min(LIMIT_DEG, this.pitch + pitch));
    }

    closer(by) { this.zoom = Math.max(0.3, Math.min(8, this.zoom * by)); }

    ask() { // draws once before the next frame, however often it is asked
      if (this.asked || !this.near) return;
      this.asked = true;
      requestAnimationFrame(() => {
        this.asked = false;
        if (this.spinning) this.turn(0.6, 0);
        this.draw();
        if (this.spinning) this.ask();
      });
    }

    draw() {
      const sharp = Math.min(2, window.devicePixelRatio || 1);
      const width = Math.max(1, Math.round(this.panes[0].canvas.clientWidth * sharp));
      const height = Math.max(1, Math.round(this.panes[0].canvas.clientHeight * sharp));
      if (board.width < width || board.height < height) {
        renderer.setSize(Math.max(board.width, width), Math.max(board.height, height), false);
      }
      const yaw = this.yaw * Math.PI / 180, pitch = this.pitch * Math.PI / 180;
      const away = 1.1 / Math.tan(FIELD_DEG * Math.PI / 360) / this.zoom;
      const scale = 1 / Math.tan(FIELD_DEG * Math.PI / 360);
      camera.aspect = width / height;
      camera.position.set(Math.sin(yaw) * Math.cos(pitch), Math.sin(pitch), Math.cos(yaw) * Math.cos(pitch));
      camera.position.multiplyScalar(away);
      camera.near = Math.max(0.01, away - 3);
      camera.far = away + 6;
      camera.lookAt(0, 0, 0);
      camera.updateProjectionMatrix();
      for (const one of this.panes) {
        one.scene ??= built(one.pane, this.item);
        one.scene.traverse((part) => { // three.js sizes points by the whole board's height and without the field of view
          if (part.isPoints) part.material.size = part.userData.size * scale * height / board.height;
        });
        renderer.setViewport(0, 0, width, height);
        renderer.setScissor(0, 0, width, height);
        renderer.render(one.scene, camera);
        if (one.canvas.width !== width || one.canvas.height !== height) {
          one.canvas.width = width;
          one.canvas.height = height;
        }
        const paper = one.canvas.getContext("2d");
        paper.clearRect(0, 0, width, height);
        paper.drawImage(board, 0, board.height - height, width, height, 0, 0, width, height);
      }
      this.stage.dataset.view = [this.yaw, this.pitch, this.zoom].map((value) => value.toFixed(2)).join(" ");
    }
  }

  document.documentElement.classList.add("webgl");
  const viewers = figures.map((figure) => new Viewer(figure));
  document.querySelectorAll("figure.scene details.still").forEach((still) => { still.open = false; });
  board.addEventListener("webglcontextrestored", () => viewers.forEach((viewer) => viewer.ask()));
  window.addEventListener("beforeprint", () => viewers.forEach((viewer) => viewer.draw()));
})();
