// The camera of the mountains, and how it is moved: drag or arrow keys go around, the wheel or + and
// − come nearer, a double click or R goes back.

import { PerspectiveCamera, Vector3 } from "three";

/** Where the camera stands seen from TARGET: angles in radians and a distance in units. */
const HOME = { azimuth: -0.16, elevation: 0.46, distance: 10.4 };
const TARGET = new Vector3(0, 0.15, -1.1);
/** On a screen that is higher than wide, everything is seen from so much further away. */
const NARROW_FACTOR = 1.1;
/** From this width on, in pixels, a list stands at the right: the scene moves aside for it. */
const WIDE_SCREEN = 900;
const ASIDE = 0.19;

export class OrbitCamera {
  readonly camera = new PerspectiveCamera(38, 1, 0.1, 60);
  private goal = { ...HOME };
  private now = { ...HOME };

  /** Fit a size in pixels. */
  resize(width: number, height: number): void {
    this.camera.aspect = width / height;
    this.camera.fov = width > height ? 38 : 52;
    const aside = width > WIDE_SCREEN ? ASIDE : 0;
    this.camera.setViewOffset(width, height, aside * width, 0, width, height);
    this.camera.updateProjectionMatrix();
  }

  /** Move towards the goal, for a frame; at once where nothing is to glide. */
  move(atOnce: boolean): void {
    const ease = atOnce ? 1 : 0.12;
    for (const name of ["azimuth", "elevation", "distance"] as const) {
      this.now[name] += (this.goal[name] - this.now[name]) * ease;
    }
    const { azimuth, elevation } = this.now;
    const distance = this.now.distance * (this.camera.aspect < 1 ? NARROW_FACTOR : 1);
    this.camera.position.set(
      TARGET.x + distance * Math.sin(azimuth) * Math.cos(elevation),
      TARGET.y + distance * Math.sin(elevation),
      TARGET.z + distance * Math.cos(azimuth) * Math.cos(elevation),
    );
    this.camera.lookAt(TARGET);
  }

  /** Let pointer, wheel and keys on an element move the goal. */
  control(element: HTMLElement): void {
    const goHome = () => {
      this.goal = { ...HOME };
    };
    element.addEventListener("pointerdown", (event) => element.setPointerCapture(event.pointerId));
    element.addEventListener("pointermove", (event) => {
      if (event.buttons & 1) this.turn(-event.movementX * 0.006, event.movementY * 0.005);
    });
    const zoom = (event: WheelEvent) => {
      event.preventDefault();
      this.turn(0, 0, Math.exp(event.deltaY * 0.001));
    };
    element.addEventListener("wheel", zoom, { passive: false });
    element.addEventListener("dblclick", goHome);
    const keys: Record<string, () => void> = {
      ArrowLeft: () => this.turn(-0.12, 0),
      ArrowRight: () => this.turn(0.12, 0),
      ArrowUp: () => this.turn(0, 0.1),
      ArrowDown: () => this.turn(0, -0.1),
      "+": () => this.turn(0, 0, 0.9),
      "-": () => this.turn(0, 0, 1.1),
      r: goHome,
    };
    element.addEventListener("keydown", (event) => {
      const act = keys[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    });
  }

  private turn(azimuth: number, elevation: number, zoom = 1): void {
    const { goal } = this;
    goal.azimuth = clamp(goal.azimuth + azimuth, -1.4, 1.4);
    goal.elevation = clamp(goal.elevation + elevation, 0.08, 1.45);
    goal.distance = clamp(goal.distance * zoom, 3.5, 16);
  }
}

function clamp(value: number, min: number, max: number): number {
  return Math.max(min, Math.min(max, value));
}
