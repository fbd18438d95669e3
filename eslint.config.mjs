import nx from '@nx/eslint-plugin';
import tseslint from 'typescript-eslint';

const CORE = ['type:core'];
const CONTRACT = ['type:contract', ...CORE];
const TEST_FILES = ['**/*.fixture.ts', '**/*.spec-helper.ts', '**/*.spec.ts', '**/*.int-spec.ts', '**/*.e2e-spec.ts', 'libs/testing/**/*.ts', 'e2e/**/*.ts'];

/** Who may import whom (docs/architecture.md, "Direction of imports"). Specs may also use the testing lib. */
const constraints = (extra) => [
  { sourceTag: 'type:app', onlyDependOnLibsWithTags: ['type:shell', 'type:engine', ...CONTRACT, ...extra] },
  { sourceTag: 'type:shell', onlyDependOnLibsWithTags: [...CONTRACT, ...extra] },
  {
    sourceTag: 'type:engine',
    onlyDependOnLibsWithTags: [...CONTRACT, ...extra],
    bannedExternalImports: ['@nestjs/*', 'class-validator', 'class-transformer', 'mongoose', 'ioredis'],
  },
  {
    sourceTag: 'type:client',
    onlyDependOnLibsWithTags: [...CONTRACT, ...extra],
    bannedExternalImports: ['@nestjs/*', 'class-validator', 'class-transformer', 'mongoose', 'ioredis'],
  },
  { sourceTag: 'type:contract', onlyDependOnLibsWithTags: [...CORE, ...extra], bannedExternalImports: extra.length ? [] : ['*'] },
  { sourceTag: 'type:core', onlyDependOnLibsWithTags: [...CORE, ...extra], bannedExternalImports: extra.length ? [] : ['*'] },
  { sourceTag: 'type:testing', onlyDependOnLibsWithTags: ['type:client', ...CONTRACT] },
  { sourceTag: 'type:e2e', onlyDependOnLibsWithTags: ['type:testing', 'type:client', ...CONTRACT] },
];

const boundaries = (extra) => ({
  '@nx/enforce-module-boundaries': [
    'error',
    { enforceBuildableLibDependency: false, allow: [], depConstraints: constraints(extra) },
  ],
});

const ENGINE_ONLY_FOR_GATEWAY = {
  group: ['@agentfleet/engine', '@agentfleet/engine/*'],
  message: 'Only execution-gateway runs the engine.',
};
const NO_ENUM = { selector: 'TSEnumDeclaration', message: 'Use a const object and a union instead of an enum.' };
const NO_DEFAULT_EXPORT = { selector: 'ExportDefaultDeclaration', message: 'Named exports only.' };
/** Time and chance come from the platform, so that specs can stand still and shutdown waits for what runs. */
const NO_NEW_DATE = { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: 'Inject CLOCK and write new Date(clock.now()).' };
const NO_CLASS_BY_INJECT = { selector: "Decorator > CallExpression[callee.name='Inject'][arguments.0.name=/[a-z]/]", message: 'A class is injected by its type alone; @Inject() is for tokens.' };
const NO_CLOCK = [
  { object: 'Date', property: 'now', message: 'Inject CLOCK: clock.now() for a moment, clock.monotonicMs() for a span of time.' },
  { object: 'Math', property: 'random', message: 'Inject CLOCK: clock.random().' },
];
const NO_INTERVAL = { name: 'setInterval', message: 'Use lifecycle.every(name, periodMs, work): it never overlaps, is drained and counted.' };
const NO_ENVIRONMENT = { object: 'process', property: 'env', message: 'Read the environment in env.ts only.' };
const STORAGE_ONLY_IN_REPOSITORIES = {
  group: ['mongoose', '@nestjs/mongoose', 'mongodb'],
  message: 'MongoDB is reached through *.schema.ts and *.repository.ts only.',
};

export default tseslint.config(
  { ignores: ['dist/**', 'node_modules/**', '.nx/**', '.cache/**', '.data*/**', 'openapi/**'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.base],
    plugins: { '@nx': nx },
    languageOptions: { parserOptions: { project: './tsconfig.check.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      ...boundaries([]),
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { attributes: false, inheritedMethods: false } }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/ban-ts-comment': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-console': 'error',
      'no-restricted-syntax': ['error', NO_ENUM, NO_DEFAULT_EXPORT],
      'prefer-const': 'error',
      'max-lines': ['error', { max: 400, skipBlankLines: false, skipComments: false }],
    },
  },
  {
    files: ['libs/{errors,health,resilience,sessions}/src/**/*.ts'],
    ignores: TEST_FILES,
    rules: {
      'no-restricted-globals': ['error', 'process', 'setTimeout', 'setInterval', 'setImmediate', 'fetch', 'Buffer'],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'Core is pure: time is a parameter.' },
        { object: 'Math', property: 'random', message: 'Core is pure: randomness is a parameter.' },
      ],
      'no-restricted-syntax': ['error', NO_ENUM, { ...NO_NEW_DATE, message: 'Core is pure: time is a parameter.' }],
    },
  },
  {
    files: ['apps/*/src/**/*.ts'],
    ignores: [...TEST_FILES, '**/*.schema.ts', '**/*.repository.ts', '**/*.module.ts', 'apps/execution-gateway/**'],
    rules: { 'no-restricted-imports': ['error', { patterns: [ENGINE_ONLY_FOR_GATEWAY, STORAGE_ONLY_IN_REPOSITORIES] }] },
  },
  {
    files: ['apps/*/src/**/*.schema.ts', 'apps/*/src/**/*.repository.ts', 'apps/*/src/**/*.module.ts'],
    ignores: ['apps/execution-gateway/**'],
    rules: { 'no-restricted-imports': ['error', { patterns: [ENGINE_ONLY_FOR_GATEWAY] }] },
  },
  {
    files: ['apps/execution-gateway/src/**/*.ts'],
    ignores: [...TEST_FILES, '**/*.schema.ts', '**/*.repository.ts', '**/*.module.ts'],
    rules: { 'no-restricted-imports': ['error', { patterns: [STORAGE_ONLY_IN_REPOSITORIES] }] },
  },
  {
    files: ['apps/*/src/**/*.ts'],
    ignores: TEST_FILES,
    rules: {
      'no-restricted-properties': ['error', NO_ENVIRONMENT, ...NO_CLOCK],
      'no-restricted-syntax': ['error', NO_ENUM, NO_DEFAULT_EXPORT, NO_NEW_DATE, NO_CLASS_BY_INJECT],
      'no-restricted-globals': ['error', NO_INTERVAL],
    },
  },
  { files: ['apps/*/src/env.ts'], rules: { 'no-restricted-properties': ['error', ...NO_CLOCK] } },
  {
    // no Nest there: time is handed in. The bridge's client runs in workers that have nothing but Date.
    files: ['libs/{engine,contracts,sdk}/src/**/*.ts'],
    ignores: [...TEST_FILES, 'libs/sdk/src/agent/system-clock.ts', 'libs/sdk/src/bridge/**'],
    rules: {
      'no-restricted-properties': ['error', ...NO_CLOCK.map(({ object, property }) => ({ object, property, message: 'Take a clock as a parameter (in the SDK: system-clock.ts).' }))],
      'no-restricted-syntax': ['error', NO_ENUM, NO_DEFAULT_EXPORT, { ...NO_NEW_DATE, message: 'Take a clock as a parameter (in the SDK: system-clock.ts).' }],
      'no-restricted-globals': ['error', { ...NO_INTERVAL, message: 'Wait with a clock in a loop that can be ended.' }],
    },
  },
  { files: ['libs/platform/src/**/*.ts'], ignores: TEST_FILES, rules: { 'no-restricted-syntax': ['error', NO_ENUM, NO_DEFAULT_EXPORT, NO_CLASS_BY_INJECT] } },
  { files: ['**/*.module.ts', '**/*.dto.ts'], rules: { '@typescript-eslint/no-extraneous-class': 'off' } },
  {
    files: TEST_FILES,
    rules: { ...boundaries(['type:testing']), 'max-lines': 'off', '@typescript-eslint/no-non-null-assertion': 'off' },
  },
);
