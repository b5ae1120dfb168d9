// The list of the last riffs; where RiffBot lists none to strangers, those of this browser.

import { get } from "../shared/api";
import { $, create } from "../shared/dom";
import type { Riff, RiffFamily, RiffList } from "../shared/protocol";
import { drawSpectrogram } from "../shared/spectrogram";
import { recallRiffs } from "../shared/storage";

const PAGE = 12;

interface RecentEvents {
  onChoose(riff: Riff): void;
  onError(sentence: string): void;
}

export class RecentRiffs {
  private readonly list = $("riffs");
  private current: string | null = null;
  /** Draws a card's picture once it comes near the window. */
  private readonly observer = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        this.observer.unobserve(target);
        const canvas = target as HTMLCanvasElement;
        void drawSpectrogram(canvas, canvas.dataset.png!);
      }
    },
    { rootMargin: "200px" },
  );

  constructor(private readonly events: RecentEvents) {}

  /** Load the newest riffs, or those before a moment behind what is listed. */
  async load(before: string | null = null): Promise<void> {
    try {
      const from = before ? `&before=${encodeURIComponent(before)}` : "";
      const { riffs, next, closed } = await get<RiffList>(`riffs?limit=${PAGE}${from}`);
      const cards = (closed ? await this.loadOwn() : riffs).map((riff) => this.createCard(riff));
      if (before) this.list.append(...cards);
      else this.list.replaceChildren(...cards);
      $("none").hidden = this.list.children.length > 0;
      $("older").hidden = !next;
      $("older").onclick = () => this.load(next);
      this.mark(this.current);
    } catch (error) {
      this.events.onError((error as Error).message);
    }
  }

  /** Mark the card of the riff that is shown. */
  mark(id: string | null): void {
    this.current = id;
    for (const card of this.list.querySelectorAll<HTMLElement>(".card")) {
      card.setAttribute("aria-current", String(card.dataset.id === String(id)));
    }
  }

  private async loadOwn(): Promise<Riff[]> {
    const found = await Promise.all(
      recallRiffs().map((id) => get<RiffFamily>(`riffs/${id}`).catch(() => null)),
    );
    $("last-title").textContent = "Your riffs";
    return found.flatMap((answer) => (answer ? [answer.riff] : []));
  }

  private createCard(riff: Riff): HTMLLIElement {
    const button = create("button", { type: "button", className: "card" });
    button.dataset.id = riff.id;
    const picture = create("canvas");
    picture.setAttribute("aria-hidden", "true");
    picture.dataset.png = riff.files.png;
    const words = create("span");
    words.append(
      create("b", { textContent: riff.request.prompt }),
      create("small", { textContent: `seed ${riff.request.seed} · ${describeAge(riff.created)}` }),
    );
    button.append(picture, words);
    button.addEventListener("click", () => this.events.onChoose(riff));
    const item = create("li");
    item.append(button);
    this.observer.observe(picture);
    return item;
  }
}

/** How long ago a moment (ISO 8601) was, in words. */
function describeAge(moment: string): string {
  const minutes = (Date.parse(moment) - Date.now()) / 60000;
  const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  if (minutes > -1) return "just now";
  if (minutes > -60) return words.format(Math.round(minutes), "minute");
  if (minutes > -1440) return words.format(Math.round(minutes / 60), "hour");
  return words.format(Math.round(minutes / 1440), "day");
}
