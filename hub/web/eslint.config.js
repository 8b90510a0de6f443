import js from '@eslint/js'
import { defineConfig } from 'eslint/config'
import svelte from 'eslint-plugin-svelte'
import globals from 'globals'
import ts from 'typescript-eslint'
import svelteConfig from './svelte.config.js'

export default defineConfig(
  // Written by openapi-typescript.
  { ignores: ['src/lib/schema.d.ts'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    files: ['src/**/*.ts', 'src/**/*.svelte'],
    extends: [ts.configs.strictTypeChecked],
    languageOptions: {
      globals: globals.browser,
      parserOptions: { projectService: true, extraFileExtensions: ['.svelte'] },
    },
    rules: {
      // Numbers in texts are what the dashboard is made of.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/restrict-plus-operands': ['error', { allowNumberAndString: true }],
      // () => route.set(…) is a handler like any other.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // An effect names a value that it depends on, and does not use, as void value.
      '@typescript-eslint/no-meaningless-void-operator': 'off',
      // Types do not tell that an index may miss, so asking looks unnecessary.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      // A snippet or a callback does not see what the markup around it has checked.
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  // These come after TypeScript's, which would take the parser of .svelte files away.
  svelte.configs.recommended,
  // Prettier decides the format.
  svelte.configs.prettier,
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: { parserOptions: { parser: ts.parser, svelteConfig } },
    rules: {
      // State is replaced as a whole ($state.raw) and never changed in place, so
      // a Map, a Date or URLSearchParams in it is a value like a number.
      'svelte/prefer-svelte-reactivity': 'off',
    },
  },
  {
    files: ['**/*.svelte'],
    rules: {
      // In markup the linter takes events and what {#each} yields for any.
      // svelte-check knows their types.
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  {
    files: ['*.ts', '*.js', 'browser/*.js'],
    extends: [ts.configs.strict],
    // What a test evaluates in the page sees the browser's globals.
    languageOptions: { globals: { ...globals.node, ...globals.browser } },
  },
)
