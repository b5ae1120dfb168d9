// The jam as mountains: time flows towards you, low notes lie to the left, loud is high. The plane
// stands on the column that sounds; behind it lies what was heard, beyond it what is planned.
//
// The mesh never moves: each row of vertices is given a column, counted from the one under the
// plane, and the fraction of a column shifts all rows together, so that the land is rigid and only
// flows. The programs that draw it are in land.ts.

import {
  BufferAttribute,
  BufferGeometry,
  Color,
  DataTexture,
  DoubleSide,
  Line,
  LinearFilter,
  Mesh,
  PerspectiveCamera,
  PlaneGeometry,
  RedFormat,
  RepeatWrapping,
  RGBAFormat,
  Scene,
  ShaderMaterial,
  Vector3,
  WebGLRenderer,
} from "three";

import { table } from "./colours";
import { type Columns, LENGTH } from "./columns";
import {
  FLOW,
  FUTURE,
  LAND_FRAGMENT,
  LAND_VERTEX,
  PAST,
  PLANE_FRAGMENT,
  PLANE_VERTEX,
  RIDGE_FRAGMENT,
  RIDGE_VERTEX,
  TALL,
  WIDE,
} from "./land";
import type { Moment, View } from "./view";

/** Milliseconds of a frame above which it is measured, and softened, at once. */
const SLOW = 60;
/** Pixels drawn for one of the screen's, along a side, at the least. */
const BLUNT = 0.5;

const HOME = { turn: -0.16, rise: 0.46, away: 10.4 };

export class Terrain implements View {
  readonly element: HTMLCanvasElement;
  effort = 0;
  private sharpness = Math.min(devicePixelRatio, 2);
  private readonly renderer: WebGLRenderer;
  private readonly scene = new Scene();
  private readonly camera = new PerspectiveCamera(38, 1, 0.1, 60);
  private readonly heights: DataTexture;
  private readonly palette: DataTexture;
  private readonly uniforms;
  private readonly plane: Mesh;
  private readonly ridges: Line[] = [];
  private version = -1;
  private frames = 0;
  /** How many measured frames in a row were slow. */
  private slow = 0;
  private readonly pixel = new Uint8Array(4);
  private goal = { ...HOME };
  private eye = { ...HOME };
  private step: number;

  /** Raises where there is no WebGL 2. */
  constructor(private readonly columns: Columns) {
    this.renderer = new WebGLRenderer({
      antialias: true,
      alpha: true,
      powerPreference: "low-power",
    });
    this.element = this.renderer.domElement;
    this.element.className = "view";
    const phone = matchMedia("(max-width: 700px)").matches;
    this.step = phone ? 3 : 2;
    this.heights = new DataTexture(columns.data, LENGTH, columns.bands, RedFormat);
    this.heights.wrapS = RepeatWrapping;
    this.heights.magFilter = this.heights.minFilter = LinearFilter;
    this.palette = new DataTexture(table("ember"), 256, 1, RGBAFormat);
    this.palette.magFilter = this.palette.minFilter = LinearFilter;
    this.palette.needsUpdate = true;
    this.uniforms = {
      heights: { value: this.heights },
      palette: { value: this.palette },
      bands: { value: columns.bands },
      first: { value: 0 },
      last: { value: 0 },
      origin: { value: 0 },
      fraction: { value: 0 },
      playhead: { value: 0 },
      beat: { value: 64 },
      measure: { value: 4 },
      awake: { value: 1 },
      glow: { value: new Color(1.0, 0.33, 0.26) },
      night: { value: new Color(0.04, 0.035, 0.08) },
    };
    this.scene.add(this.land(phone ? 160 : 256));
    this.plane = this.glass();
    this.scene.add(this.plane);
    for (const lift of [0.0, 0.012, 0.024]) {
      const ridge = this.ridge(lift);
      this.ridges.push(ridge);
      this.scene.add(ridge);
    }
    this.orbits();
  }

  /** The column of the land that the plane stands on, as it was drawn last. */
  get playhead(): number {
    const { origin, fraction } = this.uniforms;
    return origin.value + fraction.value - this.plane.position.z / FLOW;
  }

  get plainest(): boolean {
    return this.sharpness <= BLUNT;
  }

  colours(name: string): void {
    this.palette.image.data!.set(table(name));
    this.palette.needsUpdate = true;
  }

  resize(): void {
    const { clientWidth: width, clientHeight: height } = this.element;
    if (!width || !height) return;
    this.renderer.setPixelRatio(this.sharpness);
    this.renderer.setSize(width, height, false);
    this.camera.aspect = width / height;
    // On a wide screen the list stands at the right: the land's middle moves to the left of it.
    const aside = width > 900 ? 0.19 : 0;
    this.camera.fov = width > height ? 38 : 52;
    this.camera.setViewOffset(width, height, aside * width, 0, width, height);
    this.camera.updateProjectionMatrix();
  }

  frame({ column, beat, measure, turn, calm, awake }: Moment): void {
    const { uniforms } = this;
    if (this.version !== this.columns.version) {
      this.version = this.columns.version;
      this.heights.needsUpdate = true;
      [uniforms.first.value, uniforms.last.value] = this.columns.extent;
    }
    const playhead = calm ? Math.floor(column / beat) * beat : column;
    // Calm: the land stands still for a turn, and the plane steps over it from beat to beat.
    const still = Math.floor(column / turn) * turn + turn / 2;
    const reference = calm ? still : column;
    const origin = Math.floor(reference / this.step) * this.step;
    uniforms.origin.value = origin;
    uniforms.fraction.value = reference - origin;
    uniforms.playhead.value = playhead;
    uniforms.beat.value = beat;
    uniforms.measure.value = measure;
    uniforms.awake.value += ((awake ? 1 : 0.35) - uniforms.awake.value) * (calm ? 1 : 0.1);
    const z = -(playhead - reference) * FLOW;
    this.plane.position.z = z;
    for (const ridge of this.ridges) ridge.position.z = z;
    this.look(calm);
    const began = performance.now();
    this.renderer.render(this.scene, this.camera);
    // One pixel read waits for the graphics card: without that the effort would be unknown.
    const often = this.frames < 8 || this.effort > SLOW;
    if (this.frames++ % (often ? 2 : 8) === 0) {
      const context = this.renderer.getContext();
      context.readPixels(0, 0, 1, 1, context.RGBA, context.UNSIGNED_BYTE, this.pixel);
      const took = performance.now() - began;
      // The first frame of all is the compiler's.
      if (this.frames > 1)
        this.effort = this.effort ? this.effort + 0.3 * (took - this.effort) : took;
      this.slow = took > SLOW ? this.slow + 1 : 0;
      this.soften();
    }
  }

  /** Fewer pixels where a frame takes too long; never back, or it would flicker. */
  private soften(): void {
    if (this.plainest || this.effort < 24 || (this.slow < 2 && this.frames < 40)) return;
    // What a frame takes goes with its pixels, so with the square of the sharpness.
    const fewer = Math.min(0.8, Math.max(0.6, Math.sqrt(20 / this.effort)));
    this.sharpness = Math.max(BLUNT, this.sharpness * fewer);
    this.effort = this.slow = 0; // to be measured anew
    this.frames = 1;
    this.resize();
  }

  dispose(): void {
    this.renderer.dispose();
    this.element.remove();
  }

  private land(across: number): Mesh {
    const rows = Math.ceil((PAST + FUTURE) / this.step);
    const geometry = new PlaneGeometry(WIDE, 1, across, rows);
    const places = geometry.attributes.position as BufferAttribute;
    for (let i = 0; i < places.count; i++) {
      const row = Math.floor(i / (across + 1));
      places.setXYZ(i, places.getX(i), (rows - row) * this.step - PAST, 0);
    }
    const material = new ShaderMaterial({
      vertexShader: LAND_VERTEX,
      fragmentShader: LAND_FRAGMENT,
      uniforms: this.uniforms,
      transparent: true,
      side: DoubleSide,
    });
    const mesh = new Mesh(geometry, material);
    mesh.frustumCulled = false;
    return mesh;
  }

  private glass(): Mesh {
    const tall = TALL * 0.86;
    const geometry = new PlaneGeometry(WIDE * 1.03, tall);
    geometry.translate(0, tall / 2 - 0.02, 0);
    const material = new ShaderMaterial({
      vertexShader: PLANE_VERTEX,
      fragmentShader: PLANE_FRAGMENT,
      uniforms: this.uniforms,
      transparent: true,
      depthWrite: false,
      side: DoubleSide,
    });
    const mesh = new Mesh(geometry, material);
    mesh.renderOrder = 1;
    return mesh;
  }

  private ridge(lift: number): Line {
    const count = 512;
    const places = new Float32Array(3 * (count + 1));
    for (let i = 0; i <= count; i++) places[3 * i] = (i / count - 0.5) * WIDE;
    const geometry = new BufferGeometry();
    geometry.setAttribute("position", new BufferAttribute(places, 3));
    const material = new ShaderMaterial({
      vertexShader: RIDGE_VERTEX,
      fragmentShader: RIDGE_FRAGMENT,
      uniforms: { ...this.uniforms, lift: { value: lift } },
      transparent: true,
      depthTest: false,
    });
    const line = new Line(geometry, material);
    line.frustumCulled = false;
    line.renderOrder = 2;
    return line;
  }

  private look(calm: boolean): void {
    const ease = calm ? 1 : 0.12;
    for (const name of ["turn", "rise", "away"] as const)
      this.eye[name] += (this.goal[name] - this.eye[name]) * ease;
    const { turn, rise, away } = this.eye;
    const narrow = this.camera.aspect < 1 ? 1.1 : 1;
    const target = new Vector3(0, 0.15, -1.1);
    this.camera.position.set(
      target.x + narrow * away * Math.sin(turn) * Math.cos(rise),
      target.y + narrow * away * Math.sin(rise),
      target.z + narrow * away * Math.cos(turn) * Math.cos(rise),
    );
    this.camera.lookAt(target);
  }

  /** Drag to go around, wheel to come nearer, arrow keys for both; double click or R goes home. */
  private orbits(): void {
    const { element } = this;
    const by = (turn: number, rise: number, away = 1) => {
      this.goal.turn = Math.max(-1.4, Math.min(1.4, this.goal.turn + turn));
      this.goal.rise = Math.max(0.08, Math.min(1.45, this.goal.rise + rise));
      this.goal.away = Math.max(3.5, Math.min(16, this.goal.away * away));
    };
    element.addEventListener("pointerdown", (event) => element.setPointerCapture(event.pointerId));
    element.addEventListener("pointermove", (event) => {
      if (event.buttons & 1) by(-event.movementX * 0.006, event.movementY * 0.005);
    });
    element.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        by(0, 0, Math.exp(event.deltaY * 0.001));
      },
      { passive: false },
    );
    element.addEventListener("dblclick", () => (this.goal = { ...HOME }));
    element.addEventListener("keydown", (event) => {
      const steps: Record<string, () => void> = {
        ArrowLeft: () => by(-0.12, 0),
        ArrowRight: () => by(0.12, 0),
        ArrowUp: () => by(0, 0.1),
        ArrowDown: () => by(0, -0.1),
        "+": () => by(0, 0, 0.9),
        "-": () => by(0, 0, 1.1),
        r: () => (this.goal = { ...HOME }),
      };
      const step = steps[event.key];
      if (!step) return;
      event.preventDefault();
      step();
    });
  }
}
