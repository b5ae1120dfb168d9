// Requests to RiffBot's HTTP API. Every address is relative to the page's base, which may lie under
// any path. The types of answers are generated from the server's (protocol.ts).

import type { ErrorResponse } from "./protocol";

/** A request that RiffBot refused, or did not answer; `message` is the sentence to show. */
export class Refusal extends Error {
  /** What works in its place: "riff" is a single riff. */
  readonly offer: ErrorResponse["offer"];

  constructor(message: string, offer?: ErrorResponse["offer"]) {
    super(message);
    this.offer = offer;
  }
}

/**
 * The JSON answer to a GET of an address under `api/`.
 *
 * @typeParam T - the answer's type; it is not checked.
 * @throws Refusal
 */
export async function get<T>(path: string): Promise<T> {
  return request<T>(path, {});
}

/**
 * The JSON answer to a request that changes something.
 *
 * @throws Refusal
 */
export async function send<T = unknown>(
  method: "POST" | "DELETE",
  path: string,
  body: object = {},
): Promise<T> {
  return request<T>(path, {
    method,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}

async function request<T>(path: string, options: RequestInit): Promise<T> {
  let response: Response;
  try {
    response = await fetch(`api/${path}`, options);
  } catch {
    throw new Refusal("RiffBot does not answer. Is it still running?");
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) {
    throw new Refusal(body.error || `RiffBot answered ${response.status}.`, body.offer);
  }
  return body as T;
}
