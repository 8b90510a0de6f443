// Everything that runs without a screen is started here; modules only define things.

import 'uplot/dist/uPlot.min.css'
import './app.css'
import { mount } from 'svelte'
import App from './App.svelte'
import { watchSession } from './lib/hub.svelte'
import { startRoute } from './lib/route.svelte'
import { trackScroll } from './lib/scroll'
import { screens } from './screens'

startRoute(screens)
trackScroll()
watchSession()

// Replaces the bar that the page has until the script runs.
const target = document.getElementById('app')!
target.replaceChildren()
mount(App, { target })
