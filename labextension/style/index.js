import 'uplot/dist/uPlot.min.css';
import './panel.css';
import './models.css';
import './charts.css';
import './runpage.css';
import './runs.css';
import './overview.css';
import './launch.css';
