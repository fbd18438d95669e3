/** Version of the product; `version.spec.ts` holds it equal to package.json's. */
export const VERSION = '0.1.0';
