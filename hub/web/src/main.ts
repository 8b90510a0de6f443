import 'uplot/dist/uPlot.min.css'
import './app.css'
import { mount } from 'svelte'
import App from './App.svelte'

// What stood in its place until now was the page's own.
const target = document.getElementById('app')!
target.replaceChildren()
mount(App, { target })
