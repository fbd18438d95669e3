import type { mongo } from 'mongoose';

/** Names of a document's fields that say who works on it. */
export interface LeaseFields {
  readonly holder: string;
  /** Until when, by the database's clock. */
  readonly until: string;
  /** Raised by each claim, so that a former holder that wakes up cannot write any more. */
  readonly epoch?: string;
}

export interface WorkLeaseRules {
  readonly fields: LeaseFields;
  /** A holder that has not renewed for so long counts as dead. */
  readonly leaseMs: number;
}

type Match = Readonly<Record<string, unknown>>;

/**
 * Work that somebody must do, once, as a document of its own: claimed by a conditional update, held by a lease, taken over when
 * its holder is dead. One clock decides, that of the database, so that clocks of replicas may differ. `HeldLease` renews it.
 */
export class WorkLease<D extends { readonly _id: string }> {
  constructor(
    private readonly documents: () => mongo.Collection<D>,
    private readonly rules: WorkLeaseRules,
  ) {}

  /** Part of a filter: nobody holds it. */
  get isFree(): Match {
    return { $expr: { $lt: [`$${this.rules.fields.until}`, '$$NOW'] } };
  }

  /** Part of a filter: the lease of this epoch or holder is not over. Every write of a holder carries it. */
  fence(held: { readonly epoch: number } | { readonly holder: string }): Match {
    const { fields } = this.rules;
    const who = 'epoch' in held ? { [this.epochField]: held.epoch } : { [fields.holder]: held.holder };
    return { ...who, $expr: { $gt: [`$${fields.until}`, '$$NOW'] } };
  }

  /** Stage of an update pipeline: held by this replica from now on. */
  taking(holder: string): Match {
    const { fields } = this.rules;
    const epoch = fields.epoch === undefined ? {} : { [fields.epoch]: { $add: [`$${fields.epoch}`, 1] } };
    return { ...epoch, [fields.holder]: { $literal: holder }, ...this.renewing };
  }

  /** Stage of an update pipeline: the lease lasts again. */
  get renewing(): Match {
    return { [this.rules.fields.until]: { $add: ['$$NOW', this.rules.leaseMs] } };
  }

  /** Update pipeline that makes a document which this replica holds from the beginning; for an upsert, in a transaction with what belongs to it. */
  heldFromBirth(document: D, holder: string, also: Match = {}): Match[] {
    const { [this.rules.fields.epoch ?? '']: _kept, ...taking } = this.taking(holder); // nobody held it before
    return [{ $replaceWith: { $mergeObjects: [{ $literal: document }, { ...also, ...taking }] } }];
  }

  /** Fields of an update: anybody may take it at once. */
  get released(): Match {
    return { [this.rules.fields.until]: new Date(0) };
  }

  /**
   * Takes what matches and nobody holds; of all replicas one gets it.
   * @param also further fields of the update pipeline's stage
   * @returns the document as it was before; undefined when somebody else was faster
   */
  async claim(match: Match, holder: string, also: Match = {}): Promise<D | undefined> {
    const before = await this.documents().findOneAndUpdate(this.filter(match, this.isFree), [{ $set: { ...also, ...this.taking(holder) } }], { returnDocument: 'before' });
    return (before as D | null) ?? undefined; // the driver adds `_id` to a type that has it
  }

  /** Makes the lease last again. @returns the document with these fields; undefined when the lease is lost */
  async renew(match: Match, held: { readonly epoch: number } | { readonly holder: string }, fields: readonly string[] = []): Promise<Partial<D> | undefined> {
    const projection = Object.fromEntries(['_id', ...fields].map((name) => [name, 1]));
    const after = await this.documents().findOneAndUpdate(this.filter(match, this.fence(held)), [{ $set: this.renewing }], { returnDocument: 'after', projection });
    return (after as Partial<D> | null) ?? undefined; // as above
  }

  /** Ids of what matches and nobody holds, in the order of `sort`. */
  async free(match: Match, limit: number, sort: Readonly<Record<string, 1 | -1>> = {}): Promise<readonly string[]> {
    const found = await this.documents().find(this.filter(match, this.isFree), { projection: { _id: 1 } }).sort({ ...sort }).limit(limit).toArray();
    return found.map(({ _id }) => String(_id));
  }

  private get epochField(): string {
    const { epoch } = this.rules.fields;
    if (epoch === undefined) throw new Error('This work has no epoch');
    return epoch;
  }

  /** The driver's own type cannot be made for a document that is a type parameter. */
  private filter(...parts: readonly Match[]): mongo.Filter<D> {
    return { $and: parts } as mongo.Filter<D>;
  }
}
