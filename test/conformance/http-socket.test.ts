/** The HTTP suites over a real socket, and what only a socket can show. */
import { openHttpServer } from "./http-door.ts";
import { httpSuites } from "./http-suites.ts";
import { wireSuite } from "./http-wire.ts";
import { socketSuite } from "./http-ws.ts";

for (const suite of httpSuites) suite("by socket", openHttpServer);
for (const suite of [wireSuite, socketSuite]) suite("by socket", openHttpServer);
