/** The HTTP suites against a node in this process, in memory, without a socket. */
import { openHttpDoor } from "./http-door.ts";
import { httpSuites } from "./http-suites.ts";

for (const suite of httpSuites) suite("in process", openHttpDoor);
