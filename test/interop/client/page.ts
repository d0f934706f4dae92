/**
 * The round trip in a page: tells the page's own server what it saw.
 */
import { roundTrip } from "./round-trip.ts";

const node = new URLSearchParams(location.search).get("node") ?? "";
const seen = await roundTrip(node, "from-page", false).catch((error: unknown) => ({
  error: String(error),
}));
await fetch("/seen", { method: "POST", body: JSON.stringify(seen) });
