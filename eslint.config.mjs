import { defineConfig, globalIgnores } from 'eslint/config'
import { configs as lit } from 'eslint-plugin-lit'
import { configs as typescript, parser } from 'typescript-eslint'

/** One per place where code runs; a file that stands in several is linted with the first. */
const PROJECTS = ['tsconfig.page.json', 'tsconfig.worker.json', 'tsconfig.node.json', 'tsconfig.test.json']

/** What the house style forbids and no ready-made rule names. */
const FORBIDDEN_SYNTAX = [
  { selector: 'ExportDefaultDeclaration', message: 'Export by name.' },
  { selector: 'ExportAllDeclaration', message: 'Name what is exported.' },
  { selector: 'TSEnumDeclaration', message: 'Use a union of string literals, or an object "as const".' },
  { selector: 'TSParameterProperty', message: 'Declare the field.' },
  { selector: 'TSModuleDeclaration[kind="namespace"]', message: 'A module is a file.' },
]

export default defineConfig(
  globalIgnores(['dist/', 'node_modules/', '.cache/', 'test-results/', 'playwright-report/', 'coverage/']),
  // An application of somebody else's, checked where its test installs the package.
  globalIgnores(['test/pack/outsider/']),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.ts', '**/*.mjs', '**/*.js'],
    extends: [typescript.eslintRecommended],
    languageOptions: { parser, ecmaVersion: 2024, sourceType: 'module' },
    rules: {
      'no-restricted-syntax': ['error', ...FORBIDDEN_SYNTAX],
      'no-warning-comments': ['error', { terms: ['todo', 'fixme', 'xxx', 'hack'], location: 'start' }],
      // `== null` says "neither null nor undefined", and nothing else says it as well.
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-empty': ['error', { allowEmptyCatch: true }],
      'no-eval': 'error',
      'no-implied-eval': 'error',
      'no-new-func': 'error',
      'no-unused-expressions': 'error',
      'no-async-promise-executor': 'error',
      'no-unsafe-finally': 'error',
      'no-constant-binary-expression': 'error',
      'no-self-assign': 'error',
      'no-fallthrough': 'error',
      'no-duplicate-case': 'error',
      'no-sparse-arrays': 'error',
      'no-loss-of-precision': 'error',
      'no-control-regex': 'error',
      'prefer-const': 'error',
      'no-debugger': 'error',
    },
  },
  {
    files: ['**/*.ts'],
    extends: [typescript.strict],
    languageOptions: { parserOptions: { project: PROJECTS, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/no-empty-object-type': ['error', { allowInterfaces: 'with-single-extends' }],
      // `void | Promise<void>` is how a callback says that it may wait, and deleting from a record is deleting from a record.
      '@typescript-eslint/no-invalid-void-type': 'off',
      '@typescript-eslint/no-dynamic-delete': 'off',
      // Those of the type-checked rules that find faults this project could have; the whole set takes several times as long.
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': [
        'error',
        { checksVoidReturn: { arguments: false, attributes: false } },
      ],
      '@typescript-eslint/await-thenable': 'error',
      'no-throw-literal': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-for-in-array': 'error',
      '@typescript-eslint/restrict-plus-operands': 'error',
      '@typescript-eslint/no-base-to-string': 'error',
    },
  },
  { files: ['src/app/**/*.ts'], extends: [lit['flat/recommended']] },
  {
    files: ['test/**/*.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        ...FORBIDDEN_SYNTAX,
        {
          selector: 'CallExpression[callee.property.name="waitForTimeout"]',
          message: 'Wait for a condition, not for time to pass.',
        },
        {
          selector: 'MemberExpression[object.name=/^(it|test|describe)$/][property.name=/^(only|skip|todo|fixme)$/]',
          message: 'A test is run, or it is not there.',
        },
      ],
    },
  },
  // The tools demand a default export of these.
  {
    files: ['**/*.config.ts', '*.config.mjs', '.dependency-cruiser.mjs', '.size-limit.mjs'],
    rules: { 'no-restricted-syntax': 'off' },
  },
)
