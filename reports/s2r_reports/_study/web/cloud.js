"use strict";
// Clouds that can be turned: one WebGL context for the page draws each into a canvas of its own.
// A cloud is N times three uint16 (position in a cube about the middle), N times three uint8 (colour), and a float32, the
// width of a point.
const Clouds = (() => {
  const FIELD_DEG = 30, REACH = 1.6, LIMIT_DEG = 89, STEP_DEG = 6, FRAMED = 1.1, START = [24, 16], BYTES = 9;
  const board = document.createElement("canvas");
  const gl = board.getContext("webgl2", { antialias: true, alpha: true, premultipliedAlpha: true });
  const VERTEX = `#version 300 es
    in vec3 at; in vec3 tint; out vec3 shade; uniform mat4 seen; uniform float size;
    void main() { shade = tint; gl_Position = seen * vec4(at * ${(2 * REACH).toFixed(1)} - ${REACH.toFixed(1)}, 1.0);
      gl_PointSize = max(1.5, size / gl_Position.w); }`;
  const FRAGMENT = `#version 300 es
    precision mediump float; in vec3 shade; out vec4 colour;
    void main() { if (length(gl_PointCoord - 0.5) > 0.5) discard; colour = vec4(shade, 1.0); }`;

  function compiled() {
    const program = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    return gl.getProgramParameter(program, gl.LINK_STATUS) ? program : null;
  }
  const program = gl && compiled();
  if (!program) return null; // the still pictures serve

  function buffer(name, data, kind) {
    const place = gl.getAttribLocation(program, name), made = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, made);
    gl.bufferData(gl.ARRAY_BUFFER, data, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(place);
    gl.vertexAttribPointer(place, 3, kind, true, 0, 0);
    return made;
  }

  function loaded(data) { // an ArrayBuffer
    const count = Math.floor((data.byteLength - 4) / BYTES), shape = gl.createVertexArray();
    gl.bindVertexArray(shape);
    const buffers = [buffer("at", new Uint16Array(data, 0, 3 * count), gl.UNSIGNED_SHORT),
      buffer("tint", new Uint8Array(data, 6 * count, 3 * count), gl.UNSIGNED_BYTE)];
    return { shape, buffers, count, wide: new DataView(data).getFloat32(BYTES * count, true) };
  }

  function matrix(yaw, pitch, zoom, aspect) { // column by column: turned, moved away, in perspective
    const [sy, cy, sp, cp] = [Math.sin(yaw), Math.cos(yaw), Math.sin(pitch), Math.cos(pitch)];
    const scale = 1 / Math.tan(FIELD_DEG * Math.PI / 360), away = FRAMED * scale / zoom;
    const near = Math.max(0.01, away - 3), far = away + 4, deep = (far + near) / (near - far);
    const rows = [[cy, 0, -sy], [-sp * sy, cp, -sp * cy], [cp * sy, sp, cp * cy]]; // right, up, towards the viewer
    const found = new Float32Array(16);
    for (let c = 0; c < 3; c++) {
      found[4 * c] = scale / aspect * rows[0][c];
      found[4 * c + 1] = scale * rows[1][c];
      found[4 * c + 2] = deep * rows[2][c];
      found[4 * c + 3] = -rows[2][c];
    }
    found[14] = -deep * away + 2 * far * near / (near - far);
    found[15] = away;
    return found;
  }

  // Canvases that turn together.
  class Group {
    constructor() { this.some = []; this.reset(); }

    reset() { [this.yaw, this.pitch] = START; this.zoom = 1; }

    add(canvas, data) {
      this.some.push({ canvas, cloud: loaded(data) });
      const held = new Map();
      let apart = 0;
      canvas.addEventListener("pointerdown", (event) => {
        held.set(event.pointerId, [event.clientX, event.clientY]);
        canvas.setPointerCapture(event.pointerId);
      });
      canvas.addEventListener("pointermove", (event) => {
        const last = held.get(event.pointerId);
        if (!last) return;
        held.set(event.pointerId, [event.clientX, event.clientY]);
        if (held.size === 2) {
          const [[ax, ay], [bx, by]] = [...held.values()], now = Math.hypot(ax - bx, ay - by);
          if (apart) this.closer(now / apart);
          apart = now;
        } else this.turn((last[0] - event.clientX) * 0.5, (event.clientY - last[1]) * 0.5);
        this.ask();
      });
      for (const end of ["pointerup", "pointercancel"]) {
        canvas.addEventListener(end, (event) => { held.delete(event.pointerId); apart = 0; });
      }
      canvas.addEventListener("dblclick", () => { this.reset(); this.ask(); });
      canvas.addEventListener("wheel", (event) => {
        if (!event.ctrlKey) return; // a plain wheel scrolls the page
        event.preventDefault();
        this.closer(Math.exp(-event.deltaY * 0.003));
        this.ask();
      }, { passive: false });
      new ResizeObserver(() => this.ask()).observe(canvas);
    }

    turn(yaw, pitch) {
      this.yaw = (this.yaw + yaw) % 360;
      this.pitch = Math.max(-LIMIT_DEG, Math.min(LIMIT_DEG, this.pitch + pitch));
    }

    closer(by) { this.zoom = Math.max(0.4, Math.min(8, this.zoom * by)); }

    key(event) { // whether the key was one of these
      const moves = {
        ArrowLeft: () => this.turn(-STEP_DEG, 0), ArrowRight: () => this.turn(STEP_DEG, 0),
        ArrowUp: () => this.turn(0, STEP_DEG), ArrowDown: () => this.turn(0, -STEP_DEG),
        "+": () => this.closer(1.15), "=": () => this.closer(1.15), "-": () => this.closer(1 / 1.15),
        0: () => this.reset(),
      };
      if (!moves[event.key] || event.ctrlKey || event.altKey || event.metaKey) return false;
      event.preventDefault();
      moves[event.key]();
      this.ask();
      return true;
    }

    ask() { // draws once before the next frame, however often it is asked
      if (this.asked) return;
      this.asked = true;
      requestAnimationFrame(() => { this.asked = false; this.draw(); });
    }

    draw() {
      for (const { canvas, cloud } of this.some) {
        const sharp = Math.min(2, window.devicePixelRatio || 1);
        const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((one) => Math.max(1, Math.round(one * sharp)));
        if (board.width < width || board.height < height) {
          board.width = Math.max(board.width, width);
          board.height = Math.max(board.height, height);
        }
        canvas.width = width;
        canvas.height = height;
        gl.viewport(0, 0, width, height);
        gl.clearColor(0, 0, 0, 0);
        gl.enable(gl.DEPTH_TEST);
        gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
        gl.useProgram(program);
        gl.bindVertexArray(cloud.shape);
        const turned = matrix(this.yaw * Math.PI / 180, this.pitch * Math.PI / 180, this.zoom, width / height);
        gl.uniformMatrix4fv(gl.getUniformLocation(program, "seen"), false, turned);
        gl.uniform1f(gl.getUniformLocation(program, "size"), cloud.wide * height / Math.tan(FIELD_DEG * Math.PI / 360) / 2);
        gl.drawArrays(gl.POINTS, 0, cloud.count);
        canvas.getContext("2d").drawImage(board, 0, board.height - height, width, height, 0, 0, width, height);
        canvas.dataset.view = [this.yaw, this.pitch, this.zoom].map((value) => value.toFixed(2)).join(" ");
      }
    }

    free() {
      for (const { cloud } of this.some) {
        gl.deleteVertexArray(cloud.shape);
        cloud.buffers.forEach((one) => gl.deleteBuffer(one));
      }
      this.some = [];
    }
  }

  return { Group };
})();
