// Inside Discord, as an Activity: Discord opens the page with a `frame_id` and puts every address
// behind `/.proxy/`, which is the page's base then (riffbot/web/routes/activity.py).

import { get, send } from "../shared/api";
import type { ActivityInfo, ActivityToken } from "../shared/protocol";

/** Whether Discord shows this page as an Activity. */
export function isInDiscord(): boolean {
  return new URLSearchParams(location.search).has("frame_id");
}

/**
 * An address of the page as a whole URL. Inside Discord it keeps the query that Discord opened the
 * page with: without it, a reload would show the page for a browser, which no frame may hold.
 */
export function resolveAddress(path: string): URL {
  const url = new URL(path, document.baseURI);
  if (isInDiscord()) url.search = location.search;
  return url;
}

/**
 * Sign in with Discord.
 *
 * @returns the id of the jam of the server where this runs; null where none plays.
 */
export async function signIn(): Promise<string | null> {
  const { client_id } = await get<ActivityInfo>("activity");
  const { DiscordSDK } = await import("@discord/embedded-app-sdk");
  const sdk = new DiscordSDK(client_id);
  await sdk.ready();
  const { code } = await sdk.commands.authorize({
    client_id,
    response_type: "code",
    prompt: "none",
    scope: ["identify"],
  });
  const { access_token, jam } = await send<ActivityToken>("POST", "activity/token", {
    code,
    instance_id: sdk.instanceId,
  });
  await sdk.commands.authenticate({ access_token });
  return jam;
}
