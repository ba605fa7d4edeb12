import './panel.css';
import './launch.css';
