// Inside Discord, as an Activity: Discord opens the page with a `frame_id` and puts everything that
// it asks for behind `/.proxy/`, which is the page's base then (riffbot/web/activity.py).

import { api, send } from "./page";

export const inDiscord = (): boolean => new URLSearchParams(location.search).has("frame_id");

/** Sign in with Discord; the id of the jam of the server where this runs, null where none plays. */
export async function signedIn(): Promise<string | null> {
  const { client_id } = await api("activity");
  const { DiscordSDK } = await import("@discord/embedded-app-sdk");
  const sdk = new DiscordSDK(client_id);
  await sdk.ready();
  const { code } = await sdk.commands.authorize({ client_id, response_type: "code", prompt: "none", scope: ["identify"] });
  const { access_token, jam } = await send("POST", "activity/token", { code, instance_id: sdk.instanceId });
  await sdk.commands.authenticate({ access_token });
  return jam;
}
