/**
 * The data sets: 200,000 flights keyed by distance, 1,707 earthquakes keyed by network, from the npm package
 * vega-datasets 3.2.1, which is fetched into a folder outside of the repository and never shipped.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

const PACKAGE = "vega-datasets@3.2.1";

export interface Keyed {
  readonly key: string;
  readonly value: unknown;
}

/** Fetches the package into the folder, unless it is there already. */
export async function fetchDatasets(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "package.json"), '{"name":"datasets","private":true}\n');
  const command = [process.execPath, "add", "--exact", "--ignore-scripts", PACKAGE];
  const child = Bun.spawn(command, { cwd: folder, stdout: "ignore", stderr: "pipe" });
  const said = await new Response(child.stderr).text();
  if ((await child.exited) !== 0) throw new Error(`cannot fetch ${PACKAGE}: ${said}`);
}

export async function readDataset(folder: string, name: string): Promise<Keyed[]> {
  const data = join(folder, "node_modules", "vega-datasets", "data");
  if (name === "flights") {
    const flights = JSON.parse(await readFile(join(data, "flights-200k.json"), "utf8")) as {
      readonly distance: number;
    }[];
    return flights.map((value) => ({ key: String(value.distance), value }));
  }
  const { features } = JSON.parse(await readFile(join(data, "earthquakes.json"), "utf8")) as {
    readonly features: { readonly properties: { readonly net: string } }[];
  };
  return features.map((value) => ({ key: value.properties.net, value }));
}
