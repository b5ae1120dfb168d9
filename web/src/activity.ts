// Inside Discord, as an Activity: Discord opens the page with a `frame_id` and puts everything that
// it asks for behind `/.proxy/`, which is the page's base then (riffbot/web/routes/activity.py).

import { api, send } from "./page";

export const inDiscord = (): boolean => new URLSearchParams(location.search).has("frame_id");

/** An address of the page. Inside Discord it keeps what Discord opened the page with: without it, a
 * reload would show a page that knows nothing of Discord, and that no frame may hold. */
export function place(path: string): URL {
  const url = new URL(path, document.baseURI);
  if (inDiscord()) url.search = location.search;
  return url;
}

/** Sign in with Discord; the id of the jam of the server where this runs, null where none plays. */
export async function signedIn(): Promise<string | null> {
  const { client_id } = await api("activity");
  const { DiscordSDK } = await import("@discord/embedded-app-sdk");
  const sdk = new DiscordSDK(client_id);
  await sdk.ready();
  const { code } = await sdk.commands.authorize({
    client_id,
    response_type: "code",
    prompt: "none",
    scope: ["identify"],
  });
  const { access_token, jam } = await send("POST", "activity/token", {
    code,
    instance_id: sdk.instanceId,
  });
  await sdk.commands.authenticate({ access_token });
  return jam;
}
