/**
 * Kafka's UUIDs as this house writes them: 16 bytes as 22 characters of base64url, as Kafka's own tools print them.
 */

/** No id: what Kafka sends where there is none. */
export const zeroUuid = "AAAAAAAAAAAAAAAAAAAAAA";

export const UUID_BYTES = 16;
