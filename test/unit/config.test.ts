/**
 * Settings: where each value comes from, which goes first, and what is refused with what words.
 */
import { describe, expect, test } from "bun:test";
import { loadConfig, type Config, type Loaded } from "../../src/config.ts";
import { UsageError } from "../../src/lib/setting.ts";

interface Given {
  readonly args?: readonly string[];
  readonly env?: Record<string, string>;
  readonly files?: Record<string, string>;
}

function load({ args = [], env = {}, files = {} }: Given): Promise<Loaded> {
  const readFile = (path: string) =>
    path in files ? Promise.resolve(files[path] ?? "") : Promise.reject(new Error("ENOENT"));
  return loadConfig({ args, env, readFile });
}

async function complaint(given: Given): Promise<string> {
  try {
    await load(given);
    return "none";
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
}

test("defaults are design.md's", async () => {
  const { config, warnings } = await load({});
  expect(config).toMatchObject({
    data: "./data",
    http: { host: "127.0.0.1", port: 8080 },
    kafka: [{ name: null, host: "127.0.0.1", port: 9092 }],
    insecure: false,
    "num-partitions": 1,
    topicDefaults: {},
  });
  expect(warnings).toEqual([]);
});

describe("precedence", () => {
  const files = { "c.json": '{"data": "file", "http": "127.0.0.1:3"}' };
  const file = ["--config", "c.json"];
  const cases: readonly (readonly [string, Given, string, number])[] = [
    ["file before default", { args: file, files }, "file", 3],
    ["environment before file", { args: file, files, env: { KEDGE_DATA: "env" } }, "env", 3],
    [
      "flag before environment",
      { args: ["--data", "flag"], env: { KEDGE_DATA: "env" } },
      "flag",
      8080,
    ],
    ["PORT alone keeps loopback", { env: { PORT: "99" } }, "./data", 99],
    ["KEDGE_HTTP before PORT", { env: { PORT: "99", KEDGE_HTTP: "127.0.0.1:98" } }, "./data", 98],
    ["PORT before the file", { args: file, files, env: { PORT: "99" } }, "file", 99],
    ["--config by environment", { env: { KEDGE_CONFIG: "c.json" }, files }, "file", 3],
    ["the last of a flag given twice", { args: ["--data", "a", "--data=b"] }, "b", 8080],
  ];
  test.each(cases)("%s", async (_name, given, data, port) => {
    const { config } = await load(given);
    expect([config.data, config.http.port]).toEqual([data, port]);
  });
});

describe("values", () => {
  const cases: readonly (readonly [string, Given, Partial<Config>])[] = [
    ["IPv6", { args: ["--http", "[::1]:80"] }, { http: { name: null, host: "::1", port: 80 } }],
    [
      "listeners repeat, and are listed with commas",
      { args: ["--kafka", "A://h:1,B://h:2", "--kafka", ":3", "--insecure"] },
      {
        kafka: [
          { name: "A", host: "h", port: 1 },
          { name: "B", host: "h", port: 2 },
          { name: null, host: "0.0.0.0", port: 3 },
        ],
      },
    ],
    ["a switch by environment", { env: { KEDGE_INSECURE: "1" } }, { insecure: true }],
    ["a switch turned off", { args: ["--insecure=false"] }, { insecure: false }],
    ["a switch turned off by a word", { args: ["--insecure", "false"] }, { insecure: false }],
    ["a switch turned off by its no", { args: ["--no-insecure"] }, { insecure: false }],
    ["a switch before a flag", { args: ["--insecure", "--data", "d"] }, { insecure: true }],
    [
      "a JSON list",
      { args: ["--config", "c"], files: { c: '{"cors-origin": ["a", "b"]}' } },
      { "cors-origin": ["a", "b"] },
    ],
    [
      "a topic default",
      { args: ["--log-retention-ms", "5"] },
      { topicDefaults: { "retention.ms": "5" } },
    ],
    [
      "as Kafka's containers say it",
      { env: { KAFKA_LOG_RETENTION_MS: "6" } },
      { topicDefaults: { "retention.ms": "6" } },
    ],
    [
      "hours",
      { env: { KAFKA_LOG_RETENTION_HOURS: "2" } },
      { topicDefaults: { "retention.ms": "7200000" } },
    ],
  ];
  test.each(cases)("%s", async (_name, given, expected) => {
    expect((await load(given)).config).toMatchObject(expected);
  });

  test("Kafka's server.properties, its finer keys first, unknown ones with a warning", async () => {
    const properties = [
      "# a comment",
      "log.dirs=/var/lib/kafka",
      "listeners = PLAINTEXT://127.0.0.1:9092,\\",
      "    LAN://127.0.0.1:9093",
      "num.partitions: 6",
      "log.retention.hours=168",
      "log.retention.minutes=1",
      "log.retention.byts=9",
    ].join("\n");
    const { config, warnings } = await load({ args: ["--config", "p"], files: { p: properties } });
    expect(config.data).toBe("/var/lib/kafka");
    expect(config.kafka.map((each) => each.name)).toEqual(["PLAINTEXT", "LAN"]);
    expect(config["num-partitions"]).toBe(6);
    expect(config.topicDefaults).toEqual({ "retention.ms": "60000" });
    expect(warnings).toEqual([
      '"log.retention.byts" in p is not a setting; did you mean log.retention.bytes?',
    ]);
  });

  test("Kafka's own server.properties opens no controller's listener", async () => {
    const properties = [
      "listeners=PLAINTEXT://:9092,CONTROLLER://:9093",
      "advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093",
      "controller.listener.names=CONTROLLER",
    ].join("\n");
    const args = ["--config", "p", "--insecure"];
    const { config, warnings } = await load({ args, files: { p: properties } });
    expect(config.kafka.map(({ name, port }) => [name, port])).toEqual([["PLAINTEXT", 9092]]);
    expect(config["kafka-advertised"].map(({ host }) => host)).toEqual(["localhost"]);
    expect(warnings).toEqual([]);
  });

  test("a variable of ours that does not exist is a warning, another's is not", async () => {
    const { warnings } = await load({
      env: {
        KEDGE_DATTA: "x",
        KEDGE_URL: "x",
        KEDGE_BOOTSTRAP_SERVER: "x",
        KAFKA_PORT: "tcp://x",
      },
    });
    expect(warnings).toEqual(["KEDGE_DATTA is not a setting; did you mean KEDGE_DATA?"]);
  });
});

describe("what is refused", () => {
  const cases: readonly (readonly [string, Given, RegExp])[] = [
    ["an unknown flag", { args: ["--htp", "x"] }, /no flag --htp; did you mean --http\?/],
    ["a flag far from any", { args: ["--xyzzyplugh"] }, /no flag --xyzzyplugh$/],
    ["a missing value", { args: ["--data"] }, /--data needs a value/],
    ["a no without a switch", { args: ["--no-data"] }, /no flag --no-data/],
    ["a stray word", { args: ["now"] }, /only flags are taken here, not "now"/],
    ["no port", { args: ["--http", "localhost"] }, /--http must be HOST:PORT/],
    ["port 65536", { env: { KEDGE_HTTP: "127.0.0.1:65536" } }, /KEDGE_HTTP must be HOST:PORT/],
    ["PORT that is none", { env: { PORT: "http" } }, /^PORT must be a port from 0 to 65535, not/],
    ["PORT 65536", { env: { PORT: "65536" } }, /^PORT must be a port from 0 to 65535, not/],
    [
      "HOST and PORT together",
      { env: { HOST: "0.0.0.0", PORT: "1" } },
      /^HOST and PORT ask for 0\.0\.0\.0:1, /,
    ],
    [
      "another program's word",
      { args: ["--port", "8081"] },
      /no flag --port; say --http HOST:PORT/,
    ],
    [
      "an unknown key in JSON",
      { args: ["--config", "x"], files: { x: '{"num-partitons":2}' } },
      /^"num-partitons" in x is not a setting; did you mean num-partitions\?$/,
    ],
    [
      "listeners that are all a controller's",
      { args: ["--config", "x"], files: { x: "controller.listener.names=PLAINTEXT" } },
      /keeps every Kafka listener for controllers/,
    ],
    ["beyond loopback", { args: ["--http", "0.0.0.0:80"] }, /--token-file FILE .* or --insecure/],
    [
      "every address by HOST",
      { env: { HOST: "0.0.0.0" } },
      /^HOST asks for 0\.0\.0\.0:8080, .*other machines/,
    ],
    ["half of TLS", { args: ["--tls-cert", "c"] }, /come together/],
    ["the cluster's flags", { args: ["--node-id", "2"] }, /--node-id is not built yet/],
    ["remote storage", { env: { KEDGE_STORAGE: "libsql://x" } }, /KEDGE_STORAGE is not built yet/],
    ["a missing file", { args: ["--config", "x"] }, /cannot read the file of --config/],
    ["broken JSON", { args: ["--config", "x"], files: { x: "{" } }, /x is not JSON/],
    ["JSON that is a list", { args: ["--config", "x"], files: { x: "[1]" } }, /one JSON object/],
    [
      "JSON one level too deep",
      { args: ["--config", "x"], files: { x: '{"http":{"port":80}}' } },
      /"http" in x must be a string, .* not {"port":80}/,
    ],
    [
      "a wrong limit",
      { args: ["--connections-max", "0"] },
      /whole number from 1 to 1000000, not "0"/,
    ],
    ["a wrong word", { args: ["--log-level", "loud"] }, /one of debug, info, warn, error/],
    [
      "a wrong topic default",
      { args: ["--log-retention-ms", "-2"] },
      /--log-retention-ms is wrong: retention\.ms/,
    ],
    [
      "one in a file",
      { args: ["--config", "x"], files: { x: "num.partitions=none" } },
      /"num\.partitions" in x must be/,
    ],
  ];
  test.each(cases)("%s", async (_name, given, expected) => {
    expect(await complaint(given)).toMatch(expected);
  });
});
