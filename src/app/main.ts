import { connectHub } from 'headwater'
import './elements/app-shell.ts'
import { applyTheme, readTheme } from './lib/theme.ts'

applyTheme(readTheme())

const app = document.createElement('hw-app')
app.hub = connectHub()
app.offline = import.meta.env.PROD
document.body.append(app)
