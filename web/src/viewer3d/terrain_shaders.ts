// The shaders that draw the mountains, and the measures that they share with terrain.ts. Vertex
// shaders read heights from the texture of levels; fragment shaders do light and colours.

import { CAPACITY } from "./spectrogram_ring";

// In units of the scene.
export const WIDTH = 6.4; // from the lowest to the highest notes
export const COLUMN_DEPTH = 0.0235; // 2.35 a second
export const MAX_HEIGHT = 1.55;
// In columns behind and beyond the plane.
export const PAST_COLUMNS = 330;
export const FUTURE_COLUMNS = 520;

const COMMON = /* glsl */ `
  uniform sampler2D heights;
  uniform float bands;
  uniform float first;
  uniform float last;
  const float LENGTH = ${CAPACITY}.0;
  const float TALL = ${MAX_HEIGHT};

  // The level of a place, 0 … 1: across in [0, 1] from low to high notes, at a column.
  float level(float across, float column) {
    if (column < first || column > last - 1.0) return 0.0;
    return texture2D(heights, vec2((mod(column, LENGTH) + 0.5) / LENGTH, 1.0 - across)).r;
  }

  float height(float across, float column) {
    float d = 0.7 / bands;
    float v = 0.5 * level(across, column) + 0.25 * (level(across - d, column) + level(across + d, column));
    float edge = smoothstep(0.0, 0.004, across) * smoothstep(1.0, 0.996, across);
    // What is quiet lies flat, so that what is loud stands out.
    return edge * TALL * (0.06 * v + 1.05 * pow(v, 2.7));
  }
`;

export const TERRAIN_VERTEX = /* glsl */ `
  ${COMMON}
  uniform float origin;
  uniform float fraction;
  varying vec2 place;
  varying vec3 at;
  void main() {
    float across = position.x / ${WIDTH} + 0.5;
    float column = origin + position.y;
    float z = -(position.y - fraction) * ${COLUMN_DEPTH};
    place = vec2(across, position.y);
    at = vec3(position.x, height(across, column), z);
    gl_Position = projectionMatrix * modelViewMatrix * vec4(at, 1.0);
  }
`;

export const TERRAIN_FRAGMENT = /* glsl */ `
  ${COMMON}
  uniform sampler2D palette;
  uniform float origin;
  uniform float fraction;
  uniform float playhead;
  uniform float columnsPerBeat;
  uniform float beatsPerMeasure;
  uniform float brightness;
  uniform vec3 glow;
  uniform vec3 night;
  varying vec2 place;
  varying vec3 at;
  void main() {
    float column = origin + place.y;
    float v = level(place.x, column);
    float dx = 1.0 / bands;
    float slopeX = (height(place.x + dx, column) - height(place.x - dx, column)) / (2.0 * dx * ${WIDTH});
    float slopeZ = (height(place.x, column + 1.0) - height(place.x, column - 1.0)) / (2.0 * ${COLUMN_DEPTH});
    vec3 normal = normalize(vec3(-slopeX, 1.35, slopeZ));
    vec3 eye = normalize(cameraPosition - at);
    vec3 sun = normalize(vec3(-0.55, 0.75, 0.5));
    float light = max(dot(normal, sun), 0.0);
    float sky = 0.5 + 0.5 * normal.y;
    float rim = pow(1.0 - max(dot(normal, eye), 0.0), 3.0);
    float shine = pow(max(dot(reflect(-sun, normal), eye), 0.0), 22.0);

    float tone = clamp(0.10 + 0.80 * pow(v, 1.45), 0.0, 1.0);
    vec3 colour = texture2D(palette, vec2(tone, 0.5)).rgb;
    // Valleys are darker than an even light would make them.
    float low = mix(0.55, 1.0, smoothstep(0.0, 0.45, at.y / TALL));
    vec3 lit = colour * low * (0.34 * sky + 0.95 * light) + colour * rim * 0.30 + vec3(1.0, 0.93, 0.85) * shine * 0.22 * v;

    float distance_ = place.y - (playhead - origin);
    float ahead = smoothstep(-0.5, 1.5, distance_);
    // What is planned is not sound yet: cooler and fainter, the further the more.
    vec3 grey = vec3(dot(lit, vec3(0.3, 0.55, 0.15)));
    vec3 planned = mix(grey, lit, 0.5) * vec3(0.74, 0.80, 1.22) * 0.95;
    lit = mix(lit, planned, ahead);
    // It glows where it sounds, and cools down after that.
    float heat = exp(-max(-distance_, 0.0) / 16.0) * (1.0 - ahead);
    lit += glow * heat * (0.12 + 1.1 * v * v) * brightness;

    // The grid of beats lies on the terrain.
    float b = column / columnsPerBeat;
    float near = abs(b - floor(b + 0.5)) * columnsPerBeat;
    float line = 1.0 - smoothstep(0.35, 1.1, near);
    float strong = step(mod(floor(b + 0.5), beatsPerMeasure), 0.5);
    lit += (0.05 + 0.11 * strong) * line * vec3(0.8, 0.85, 1.0);

    float far = smoothstep(${FUTURE_COLUMNS}.0 * 0.55, ${FUTURE_COLUMNS}.0, place.y) ;
    float gone = smoothstep(-${PAST_COLUMNS}.0 * 0.62, -${PAST_COLUMNS}.0, place.y);
    lit = mix(night, lit, 0.35 + 0.65 * brightness);
    float alpha = (1.0 - far) * (1.0 - gone);
    if (column < first || column > last) alpha = 0.0;
    gl_FragColor = vec4(lit, alpha);
    gl_FragColor.rgb = pow(gl_FragColor.rgb, vec3(0.92));
  }
`;

export const PLANE_VERTEX = /* glsl */ `
  varying vec2 part;
  void main() {
    part = uv;
    gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0);
  }
`;

export const PLANE_FRAGMENT = /* glsl */ `
  uniform vec3 glow;
  uniform float brightness;
  varying vec2 part;
  void main() {
    float side = smoothstep(0.0, 0.02, part.x) * smoothstep(1.0, 0.98, part.x);
    float fade = mix(0.40, 0.10, pow(part.y, 0.7));
    float frame = max(1.0 - smoothstep(0.0, 0.012, 1.0 - part.y), 1.0 - smoothstep(0.0, 0.004, min(part.x, 1.0 - part.x)));
    gl_FragColor = vec4(glow, (fade * (0.35 + 0.65 * side) + 0.55 * frame) * (0.5 + 0.5 * brightness));
  }
`;

export const RIDGE_VERTEX = /* glsl */ `
  ${COMMON}
  uniform float playhead;
  uniform float lift;
  varying float loud;
  void main() {
    float across = position.x / ${WIDTH} + 0.5;
    loud = level(across, playhead);
    vec3 p = vec3(position.x, height(across, playhead) + lift, 0.0);
    gl_Position = projectionMatrix * modelViewMatrix * vec4(p, 1.0);
  }
`;

export const RIDGE_FRAGMENT = /* glsl */ `
  uniform vec3 glow;
  uniform float brightness;
  varying float loud;
  void main() {
    vec3 colour = mix(glow, vec3(1.0, 0.96, 0.88), 0.35 + 0.65 * loud);
    gl_FragColor = vec4(colour, (0.55 + 0.45 * loud) * brightness);
  }
`;
