/**
 * What a client may do, as the bits of Kafka's `AclOperation` (KIP-430). Without access rules everybody may do everything that
 * the resource knows.
 */

/** Where the client did not ask. */
export const notAsked = -(2 ** 31);

const bit = {
  read: 1 << 3,
  write: 1 << 4,
  create: 1 << 5,
  delete: 1 << 6,
  alter: 1 << 7,
  describe: 1 << 8,
  clusterAction: 1 << 9,
  describeConfigs: 1 << 10,
  alterConfigs: 1 << 11,
  idempotentWrite: 1 << 12,
} as const;

export const operations = {
  topic:
    bit.read |
    bit.write |
    bit.create |
    bit.delete |
    bit.alter |
    bit.describe |
    bit.describeConfigs |
    bit.alterConfigs,
  group: bit.read | bit.delete | bit.describe | bit.describeConfigs | bit.alterConfigs,
  cluster:
    bit.create |
    bit.alter |
    bit.describe |
    bit.clusterAction |
    bit.describeConfigs |
    bit.alterConfigs |
    bit.idempotentWrite,
} as const;
