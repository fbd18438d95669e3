/** One cluster, of which all examples of the API's documentation tell. */
export const CLUSTER_ID = '3b241101-e2bb-4255-8caf-4136c566a962';
export const REGISTERED_AT = '2026-02-18T21:30:00.000Z';
export const SEEN_AT = '2026-02-18T21:30:05.000Z';
export const WORKSPACE_ID = 914402371;
export const TUNNEL_URL = `https://fleet.example.com/api/v1/clusters/agent/${CLUSTER_ID}/proxy`;
