/**
 * One WebSocket: subscriptions with credit, publications with receipts, pings. Answers carry the `id` of what they answer;
 * a message that is wrong gets an `error` and the socket stays open.
 *
 * - Messages are taken in order through an inbox: so much a turn, the next one once a subscription is open or has ended.
 *   A client that sends faster for long is closed with 1008; what it sent meanwhile is not taken.
 * - A reader that lets more than `unreadBytesMax` pile up gets no more log until it has taken some; one that takes
 *   nothing for `stallMs` then is dropped; sooner where others wait for the room that this takes.
 * - Left out: `settle` and `req`, until queues and services exist.
 */
import type { Timer } from "../../lib/clock.ts";
import type { Socket, SocketHandlers } from "../../lib/platform.ts";
import { Refusal } from "../../lib/refusal.ts";
import { problemOf } from "../answers/problem.ts";
import type { Holder } from "../../lib/room.ts";
import type { Call } from "../route.ts";
import { clientMessage, ID_LENGTH_MAX, type MessageId, type SubMessage } from "../schema/socket.ts";
import { parseJsonText, validate } from "../bodies/validate.ts";
import type { TailEvent } from "./feed.ts";
import { Inbox, type Message } from "./inbox.ts";
import { openFeed } from "./open-feed.ts";
import { Publisher } from "./publisher.ts";
import { Subscription } from "./subscription.ts";

const GOING_AWAY = 1001;
const POLICY_VIOLATION = 1008;

/** Text of a message that brings no records: what its schema costs goes by values. */
const CONTROL_LENGTH_MAX = 128 * 1024;

export class Session implements SocketHandlers, Holder {
  readonly #call: Call;
  readonly #publisher: Publisher;
  readonly #inbox: Inbox;
  readonly #subscriptions = new Map<MessageId, Subscription>();
  #socket: Socket | null = null;
  #stall: Timer | null = null;
  /** What the reader had not taken when it was looked at last, and since when it has taken nothing of it. */
  #unread = 0;
  #unreadSinceMs = 0;

  constructor(call: Call) {
    this.#call = call;
    const { limits, turns } = call.door.tails;
    this.#publisher = new Publisher(call, limits);
    this.#inbox = new Inbox({
      turns,
      messagesMax: limits.waitingMessagesMax,
      lengthMax: limits.waitingLengthMax,
      take: (message) => this.#receive(message),
      overflow: () => this.#giveUp(),
    });
  }

  open(socket: Socket): void {
    const { stopping } = this.#call.door.tails;
    this.#socket = socket;
    stopping.addEventListener("abort", this.#stop);
    if (stopping.aborted) this.#stop();
  }

  message(_socket: Socket, data: string | Uint8Array): void {
    this.#inbox.push(typeof data === "string" ? data : null);
  }

  drain(): void {
    if (!this.#clear()) {
      this.#watchForStall(); // It does read: the time runs anew.
      return;
    }
    this.#stall?.cancel();
    this.#stall = null;
    for (const subscription of this.#subscriptions.values()) subscription.resume();
  }

  stalledSinceMs(): number | null {
    this.#look();
    return this.#unread > 0 ? this.#unreadSinceMs : null;
  }

  cut(): void {
    this.#socket?.drop();
  }

  closed(): void {
    this.#socket = null;
    this.#look();
    this.#inbox.close();
    this.#stall?.cancel();
    this.#call.door.tails.stopping.removeEventListener("abort", this.#stop);
    for (const subscription of this.#subscriptions.values()) subscription.end(null);
    this.#subscriptions.clear();
  }

  #receive(text: Message): Promise<void> | null {
    let id: MessageId | null = null;
    try {
      if (text === null) throw new Refusal("invalid_request", "Messages are JSON text, not bytes.");
      const value = parseJsonText(text, "message");
      id = idOf(value);
      if (text.length > CONTROL_LENGTH_MAX && !isPublication(value))
        throw new Refusal(
          "invalid_request",
          `Only a pub may be longer than ${CONTROL_LENGTH_MAX} characters.`,
        );
      return this.#take(value, text.length);
    } catch (error) {
      this.#refuse(id, error);
      return null;
    }
  }

  /** Does what one message wants; a promise when the next one is to wait for it. */
  #take(value: unknown, length: number): Promise<void> | null {
    const message = validate(clientMessage, value, "message");
    switch (message.op) {
      case "sub":
        return this.#subscribe(message);
      case "unsub":
        return this.#unsubscribe(message.id, this.#subscription(message.id));
      case "credit":
        this.#subscription(message.id).allow(message.credit);
        break;
      case "pub": {
        const { id } = message;
        this.#publisher.publish(message, length, (outcome) => {
          if ("error" in outcome) this.#refuse(id, outcome.error);
          else this.#receipt(id, outcome.status, outcome.body);
        });
        break;
      }
      case "ping":
        this.#send(`{"op":"pong","id":${JSON.stringify(message.id ?? null)}}`);
        break;
      default:
        message satisfies never;
    }
    return null;
  }

  /** Until it is open, or refused. */
  #subscribe(message: SubMessage): Promise<void> {
    const { clock, tails } = this.#call.door;
    const { limits } = tails;
    if (this.#subscriptions.has(message.id))
      throw new Refusal(
        "invalid_request",
        "message.id: a subscription has that id; unsub it first.",
      );
    if (this.#subscriptions.size >= limits.subscriptionsMax)
      throw new Refusal(
        "policy_violation",
        `A socket has at most ${limits.subscriptionsMax} subscriptions; one may hold many topics.`,
      );
    const id = JSON.stringify(message.id);
    const leave = tails.enter();
    const subscription = new Subscription({
      open: () =>
        openFeed(this.#call, {
          ...message,
          key: message.filter?.key,
          keyBytes: message.filter?.key_b64,
        }),
      credit: message.credit,
      creditMax: limits.creditMax,
      waitMs: limits.pingMs,
      turn: () => clock.turn(),
      nowMs: () => clock.monotonicMs(),
      bytesMax: limits.readBytesMax,
      clear: () => this.#clear(),
      opened: (cursor) => this.#send(`{"op":"ok","id":${id},"cursor":"${cursor}"}`),
      send: (event) => this.#event(id, event),
      moved: (cursor) => this.#send(`{"op":"cursor","id":${id},"cursor":"${cursor}"}`),
      problem: (error) => problemOf(error, this.#call.id),
      refused: (error) => this.#refuse(message.id, error),
      over: () => {
        leave();
        if (this.#subscriptions.get(message.id) === subscription)
          this.#subscriptions.delete(message.id);
      },
    });
    this.#subscriptions.set(message.id, subscription);
    return subscription.opened;
  }

  async #unsubscribe(id: MessageId, subscription: Subscription): Promise<void> {
    subscription.end(null);
    await subscription.over;
    this.#send(`{"op":"ok","id":${JSON.stringify(id)}}`);
  }

  #subscription(id: MessageId): Subscription {
    const subscription = this.#subscriptions.get(id);
    if (subscription) return subscription;
    throw new Refusal("invalid_request", "message.id: there is no subscription of that id.");
  }

  #event(id: string, { type, cursor, json }: TailEvent): void {
    this.#send(`{"op":"${type}","id":${id},"cursor":"${cursor}","data":${json}}`);
  }

  #receipt(id: MessageId, status: number, body: string): void {
    const rest = body === "{}" ? "}" : `,${body.slice(1)}`;
    this.#send(`{"op":"receipt","id":${JSON.stringify(id)},"status":${status}${rest}`);
  }

  #refuse(id: MessageId | null, error: unknown): void {
    const problem = problemOf(error, this.#call.id);
    if (problem.status === 500)
      this.#call.door.logger.error("a socket's message failed", { error });
    this.#send(`{"op":"error","id":${JSON.stringify(id)},"error":${JSON.stringify(problem)}}`);
  }

  #send(text: string): void {
    this.#socket?.send(text);
  }

  /** Whether the reader has taken enough to be given more; watches it otherwise. */
  #clear(): boolean {
    const clear = this.#look() <= this.#call.door.tails.limits.unreadBytesMax;
    if (!clear && !this.#stall) this.#watchForStall();
    return clear;
  }

  /** How much the reader has not taken; counts it as held. */
  #look(): number {
    const { tails, clock } = this.#call.door;
    const { room } = tails;
    const unread = this.#socket?.unreadBytes() ?? 0;
    const before = this.#unread;
    if (unread === before) return unread;
    this.#unread = unread;
    if (before === 0) room.watch(this);
    if (before === 0 || unread < before) this.#unreadSinceMs = clock.monotonicMs();
    if (unread === 0) room.forget(this);
    if (unread > before) room.add(unread - before);
    else room.release(before - unread);
    return unread;
  }

  #giveUp(): void {
    const { waitingMessagesMax: messages, waitingLengthMax: length } = this.#call.door.tails.limits;
    const reason = `more than ${messages} messages or ${length} characters wait to be taken`;
    this.#socket?.close(POLICY_VIOLATION, reason);
    this.closed();
  }

  #watchForStall(): void {
    const { clock, tails } = this.#call.door;
    this.#stall?.cancel();
    this.#stall = clock.after(tails.limits.stallMs, () => this.#socket?.drop());
  }

  readonly #stop = (): void => {
    for (const subscription of this.#subscriptions.values()) subscription.end("stopping");
    // After the ends, which are sent in the turns that the subscriptions need to notice.
    void this.#call.door.clock.turn().then(() => this.#socket?.close(GOING_AWAY, "the node stops"));
  };
}

function idOf(value: unknown): MessageId | null {
  if (typeof value !== "object" || value === null || !("id" in value)) return null;
  const { id } = value;
  if (typeof id === "string") return id.length <= ID_LENGTH_MAX ? id : null;
  return typeof id === "number" ? id : null;
}

function isPublication(value: unknown): boolean {
  return typeof value === "object" && value !== null && "op" in value && value.op === "pub";
}
