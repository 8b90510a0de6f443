import { vitePreprocess } from '@sveltejs/vite-plugin-svelte'

export default {
  preprocess: vitePreprocess(),
  // Styles go to a file: the page's policy allows no style element.
  compilerOptions: { css: 'external', runes: true },
}
