import { describe, expect, test } from "vitest";
import { type Stroke, Strokes } from "../../src/painter/strokes";

const stroke = (tool: Stroke["tool"]): Stroke => ({ tool, aspect: 1, level: 0.8, points: [] });

function painted(...tools: Stroke["tool"][]): Strokes {
  const strokes = new Strokes();
  for (const tool of tools) strokes.add(stroke(tool));
  return strokes;
}

describe("undo and redo", () => {
  test("take back the last stroke, and bring it again", () => {
    const strokes = painted("brush", "eraser");
    strokes.undo();
    expect(strokes.done.map(({ tool }) => tool)).toEqual(["brush"]);
    strokes.redo();
    expect(strokes.done.map(({ tool }) => tool)).toEqual(["brush", "eraser"]);
  });

  test("do nothing where there is nothing to take back", () => {
    const strokes = painted("brush");
    strokes.redo();
    strokes.undo();
    strokes.undo();
    expect(strokes.done).toEqual([]);
    expect(strokes.undone).toHaveLength(1);
  });

  test("a new stroke ends what could be brought again", () => {
    const strokes = painted("brush");
    strokes.undo();
    strokes.add(stroke("rectangle"));
    strokes.redo();
    expect(strokes.done.map(({ tool }) => tool)).toEqual(["rectangle"]);
  });
});

describe("a sheet is empty", () => {
  test.each<[boolean, Stroke["tool"][]]>([
    [true, []],
    [true, ["eraser"]],
    [false, ["brush"]],
    [false, ["rectangle", "eraser"]],
    [true, ["brush", "wipe"]],
    [true, ["brush", "wipe", "eraser"]],
    [false, ["brush", "wipe", "brush"]],
  ])("%s after %j", (isEmpty, tools) => {
    expect(painted(...tools).isEmpty).toBe(isEmpty);
  });
});
