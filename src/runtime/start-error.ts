/**
 * Why a node could not start, told to whoever started it. What is wrong lies in its surroundings: a taken port, a folder in
 * use, a file that is not there. A bug is another kind of error.
 */

/** The surroundings do not let the node start; the message says what to do. */
export class StartError extends Error {
  override readonly name = "StartError";
}
