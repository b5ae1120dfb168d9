// The view of mountains: time flows towards the viewer, low notes lie to the left, loud is high. The
// plane stands on the column that sounds; before it lies what was heard, beyond it what is planned.
//
// The mesh never moves: each row of vertices is given a column, counted from the one under the
// plane, and the fraction of a column shifts all rows together, so that the terrain is rigid and only
// flows. Its shaders are in terrain_shaders.ts.

import {
  BufferAttribute,
  BufferGeometry,
  Color,
  DataTexture,
  DoubleSide,
  Line,
  LinearFilter,
  Mesh,
  PlaneGeometry,
  RedFormat,
  RepeatWrapping,
  RGBAFormat,
  Scene,
  ShaderMaterial,
  WebGLRenderer,
} from "three";

import { createColourTable } from "./colour_maps";
import { OrbitCamera } from "./orbit_camera";
import { CAPACITY, type SpectrogramRing } from "./spectrogram_ring";
import {
  COLUMN_DEPTH,
  FUTURE_COLUMNS,
  MAX_HEIGHT,
  PAST_COLUMNS,
  PLANE_FRAGMENT,
  PLANE_VERTEX,
  RIDGE_FRAGMENT,
  RIDGE_VERTEX,
  TERRAIN_FRAGMENT,
  TERRAIN_VERTEX,
  WIDTH,
} from "./terrain_shaders";
import type { Frame, View } from "./view";

/** A frame that takes longer is slow: then every second one is measured. */
const SLOW_FRAME_MS = 60;
/** The resolution is lowered where frames take LOWER_FROM_MS, so that they take GOAL_FRAME_MS. */
const LOWER_FROM_MS = 24;
const GOAL_FRAME_MS = 20;
/** Pixels drawn for one of the screen's, along a side. */
const MIN_PIXEL_RATIO = 0.5;
const MAX_PIXEL_RATIO = 2;
const PAUSED_BRIGHTNESS = 0.35;

export class Terrain implements View {
  readonly element: HTMLCanvasElement;
  frameMs = 0;
  private pixelRatio = Math.min(devicePixelRatio, MAX_PIXEL_RATIO);
  private readonly renderer: WebGLRenderer;
  private readonly scene = new Scene();
  private readonly orbit = new OrbitCamera();
  private readonly heights: DataTexture;
  private readonly palette: DataTexture;
  private readonly uniforms: ReturnType<typeof createUniforms>;
  private readonly plane: Mesh;
  private readonly ridges: Line[] = [];
  private version = -1;
  private frames = 0;
  /** How many measured frames in a row were slow. */
  private slowFrames = 0;
  private readonly pixel = new Uint8Array(4);
  /** Columns of a row of vertices. */
  private readonly columnsPerRow: number;

  /** @throws where there is no WebGL 2. */
  constructor(private readonly spectrogram: SpectrogramRing) {
    this.renderer = new WebGLRenderer({
      antialias: true,
      alpha: true,
      powerPreference: "low-power",
    });
    this.element = this.renderer.domElement;
    this.element.className = "view";
    const isPhone = matchMedia("(max-width: 700px)").matches;
    this.columnsPerRow = isPhone ? 3 : 2;
    this.heights = createHeights(spectrogram);
    this.palette = createPalette();
    this.uniforms = createUniforms(this.heights, this.palette, spectrogram.bands);
    this.scene.add(this.createGround(isPhone ? 160 : 256));
    this.plane = this.createPlane();
    this.scene.add(this.plane);
    for (const lift of [0.0, 0.012, 0.024]) {
      const ridge = this.createRidge(lift);
      this.ridges.push(ridge);
      this.scene.add(ridge);
    }
    this.orbit.control(this.element);
  }

  /** The column of the terrain that the plane stands on, as it was drawn last. */
  get playhead(): number {
    const { origin, fraction } = this.uniforms;
    return origin.value + fraction.value - this.plane.position.z / COLUMN_DEPTH;
  }

  get isAtLowestQuality(): boolean {
    return this.pixelRatio <= MIN_PIXEL_RATIO;
  }

  setColourMap(name: string): void {
    this.palette.image.data!.set(createColourTable(name));
    this.palette.needsUpdate = true;
  }

  resize(): void {
    const { clientWidth: width, clientHeight: height } = this.element;
    if (!width || !height) return;
    this.renderer.setPixelRatio(this.pixelRatio);
    this.renderer.setSize(width, height, false);
    this.orbit.resize(width, height);
  }

  drawFrame(frame: Frame): void {
    this.updateUniforms(frame);
    this.orbit.move(frame.isCalm);
    const began = performance.now();
    this.renderer.render(this.scene, this.orbit.camera);
    this.measure(began);
  }

  private updateUniforms({ column, columnsPerBeat, columnsPerLoop, ...frame }: Frame): void {
    const { uniforms } = this;
    if (this.version !== this.spectrogram.version) {
      this.version = this.spectrogram.version;
      this.heights.needsUpdate = true;
      [uniforms.first.value, uniforms.last.value] = this.spectrogram.extent;
    }
    // Calm: the terrain stands still for a loop, and the plane steps over it from beat to beat.
    const playhead = frame.isCalm ? Math.floor(column / columnsPerBeat) * columnsPerBeat : column;
    const middle = frame.isCalm
      ? (Math.floor(column / columnsPerLoop) + 0.5) * columnsPerLoop
      : column;
    const origin = Math.floor(middle / this.columnsPerRow) * this.columnsPerRow;
    uniforms.origin.value = origin;
    uniforms.fraction.value = middle - origin;
    uniforms.playhead.value = playhead;
    uniforms.columnsPerBeat.value = columnsPerBeat;
    uniforms.beatsPerMeasure.value = frame.beatsPerMeasure;
    const brightness = frame.isBright ? 1 : PAUSED_BRIGHTNESS;
    const ease = frame.isCalm ? 1 : 0.1;
    uniforms.brightness.value += (brightness - uniforms.brightness.value) * ease;
    const z = -(playhead - middle) * COLUMN_DEPTH;
    for (const mesh of [this.plane, ...this.ridges]) mesh.position.z = z;
  }

  /** Measure now and then what a frame takes: reading one pixel waits for the graphics card. */
  private measure(began: number): void {
    const every = this.frames < 8 || this.frameMs > SLOW_FRAME_MS ? 2 : 8;
    if (this.frames++ % every !== 0) return;
    const context = this.renderer.getContext();
    context.readPixels(0, 0, 1, 1, context.RGBA, context.UNSIGNED_BYTE, this.pixel);
    const ms = performance.now() - began;
    // The first frame of all is the compiler's.
    if (this.frames > 1)
      this.frameMs = this.frameMs ? this.frameMs + 0.3 * (ms - this.frameMs) : ms;
    this.slowFrames = ms > SLOW_FRAME_MS ? this.slowFrames + 1 : 0;
    if (this.frameMs >= LOWER_FROM_MS && (this.slowFrames >= 2 || this.frames >= 40)) {
      this.lowerResolution();
    }
  }

  /** Draw fewer pixels; never more again, or the picture would flicker. */
  private lowerResolution(): void {
    if (this.isAtLowestQuality) return;
    // What a frame takes goes with its pixels, so with the square of their ratio.
    const factor = Math.min(0.8, Math.max(0.6, Math.sqrt(GOAL_FRAME_MS / this.frameMs)));
    this.pixelRatio = Math.max(MIN_PIXEL_RATIO, this.pixelRatio * factor);
    this.frameMs = this.slowFrames = 0; // to be measured anew
    this.frames = 1;
    this.resize();
  }

  dispose(): void {
    this.renderer.dispose();
    this.element.remove();
  }

  private createGround(across: number): Mesh {
    const rows = Math.ceil((PAST_COLUMNS + FUTURE_COLUMNS) / this.columnsPerRow);
    const geometry = new PlaneGeometry(WIDTH, 1, across, rows);
    const places = geometry.attributes.position as BufferAttribute;
    for (let i = 0; i < places.count; i++) {
      const row = Math.floor(i / (across + 1));
      places.setXYZ(i, places.getX(i), (rows - row) * this.columnsPerRow - PAST_COLUMNS, 0);
    }
    const material = new ShaderMaterial({
      vertexShader: TERRAIN_VERTEX,
      fragmentShader: TERRAIN_FRAGMENT,
      uniforms: this.uniforms,
      transparent: true,
      side: DoubleSide,
    });
    const mesh = new Mesh(geometry, material);
    mesh.frustumCulled = false;
    return mesh;
  }

  private createPlane(): Mesh {
    const tall = MAX_HEIGHT * 0.86;
    const geometry = new PlaneGeometry(WIDTH * 1.03, tall);
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

  /** The line of what sounds, on the plane. */
  private createRidge(lift: number): Line {
    const count = 512;
    const places = new Float32Array(3 * (count + 1));
    for (let i = 0; i <= count; i++) places[3 * i] = (i / count - 0.5) * WIDTH;
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
}

/** The levels of the columns as a texture, from which the shaders read heights. */
function createHeights(spectrogram: SpectrogramRing): DataTexture {
  const texture = new DataTexture(spectrogram.data, CAPACITY, spectrogram.bands, RedFormat);
  texture.wrapS = RepeatWrapping;
  texture.magFilter = LinearFilter;
  texture.minFilter = LinearFilter;
  return texture;
}

function createPalette(): DataTexture {
  const texture = new DataTexture(createColourTable("ember"), 256, 1, RGBAFormat);
  texture.magFilter = LinearFilter;
  texture.minFilter = LinearFilter;
  texture.needsUpdate = true;
  return texture;
}

/** What all shaders are given; columns are counted as in the jam. */
function createUniforms(heights: DataTexture, palette: DataTexture, bands: number) {
  return {
    heights: { value: heights },
    palette: { value: palette },
    bands: { value: bands },
    // The columns that are known: from the first to before the last.
    first: { value: 0 },
    last: { value: 0 },
    // The column of row 0, and the part of a row that all rows are shifted by.
    origin: { value: 0 },
    fraction: { value: 0 },
    playhead: { value: 0 },
    columnsPerBeat: { value: 64 },
    beatsPerMeasure: { value: 4 },
    brightness: { value: 1 },
    glow: { value: new Color(1.0, 0.33, 0.26) },
    night: { value: new Color(0.04, 0.035, 0.08) },
  };
}
