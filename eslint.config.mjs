import nx from '@nx/eslint-plugin';
import tseslint from 'typescript-eslint';

const CORE = ['type:core'];
const CONTRACT = ['type:contract', ...CORE];
const TEST_FILES = ['**/*.fixture.ts', '**/*.spec.ts', '**/*.int-spec.ts', '**/*.e2e-spec.ts', 'libs/testing/**/*.ts', 'e2e/**/*.ts'];

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
      'no-restricted-syntax': [
        'error',
        { selector: 'TSEnumDeclaration', message: 'Use a const object and a union instead of an enum.' },
        { selector: 'ExportDefaultDeclaration', message: 'Named exports only.' },
      ],
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
      'no-restricted-syntax': [
        'error',
        { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: 'Core is pure: time is a parameter.' },
        { selector: 'TSEnumDeclaration', message: 'Use a const object and a union instead of an enum.' },
      ],
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
    ignores: [...TEST_FILES, '**/env.ts'],
    rules: {
      'no-restricted-properties': ['error', { object: 'process', property: 'env', message: 'Read the environment in env.ts only.' }],
    },
  },
  { files: ['**/*.module.ts', '**/*.dto.ts'], rules: { '@typescript-eslint/no-extraneous-class': 'off' } },
  {
    files: TEST_FILES,
    rules: { ...boundaries(['type:testing']), 'max-lines': 'off', '@typescript-eslint/no-non-null-assertion': 'off' },
  },
);
