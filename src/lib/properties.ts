/**
 * Java's properties files, as far as Kafka's `server.properties` uses them (java.util.Properties, `load`): comments,
 * `=`, `:` or white space after the key, lines joined by a backslash, escapes. A key given twice keeps its last value.
 */

const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", f: "\f" };

export function parseProperties(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const line of logicalLines(text)) {
    const match = /^((?:\\.|[^\\=:\s])+)(?:\s*[=:]\s*|\s+|$)([\s\S]*)$/.exec(line);
    if (match) values.set(unescape(match[1] ?? ""), unescape(match[2] ?? ""));
  }
  return values;
}

/** Lines with their continuations, without comments and leading space. */
function* logicalLines(text: string): Iterable<string> {
  let line = "";
  for (const part of text.split(/\r\n|\r|\n/)) {
    const piece = part.trimStart();
    if (line === "" && (piece === "" || piece.startsWith("#") || piece.startsWith("!"))) continue;
    const backslashes = /\\*$/.exec(piece)?.[0].length ?? 0;
    if (backslashes % 2 === 1) {
      line += piece.slice(0, -1);
      continue;
    }
    yield line + piece;
    line = "";
  }
  if (line !== "") yield line;
}

function unescape(text: string): string {
  return text.replaceAll(
    /\\(?:u([0-9a-fA-F]{4})|(.))/g,
    (_whole, hex: string | undefined, letter: string) =>
      hex === undefined ? (escapes[letter] ?? letter) : String.fromCharCode(parseInt(hex, 16)),
  );
}
