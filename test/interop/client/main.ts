/**
 * The round trip as a program of its own, for runtimes that are not this test's: prints what it saw as JSON.
 */
import process from "node:process";
import { roundTrip } from "./round-trip.ts";

const [url = "", name = ""] = process.argv.slice(2);
console.log(JSON.stringify(await roundTrip(url, name)));
