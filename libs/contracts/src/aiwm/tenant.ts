export interface AiwmOwner {
  /** An organization. */
  readonly orgId: string;
}

/** The fields that every document of an organization ends with; `createdBy` and `updatedBy` name a user or a key. */
export interface AiwmTenantFields {
  readonly owner: AiwmOwner;
  readonly createdBy: string;
  readonly updatedBy: string;
  readonly createdAt: string;
  readonly updatedAt: string;
}
